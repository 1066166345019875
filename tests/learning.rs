//! Linear classifiers against scikit-learn's.

use fulgurite::learning::{Confusion, Samples, Standardizer, Training, area_under, roc};
use serde::Deserialize;

#[derive(Deserialize)]
struct Oracle {
    features: Vec<Vec<f64>>,
    mobile: Vec<u8>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    training: Training,
    weights: Vec<f64>,
    intercept: f64,
    balanced_accuracy: f64,
    area: f64,
}

#[test]
fn weights_and_scores_are_those_of_scikit_learn() {
    let text = include_str!("data/learning/classifiers.json");
    let oracle: Oracle = serde_json::from_str(text).expect("JSON");
    let columns = (0..oracle.features[0].len()).map(|k| format!("f{k}")).collect();
    let mut samples = Samples::new(columns);
    let mobile: Vec<bool> = oracle.mobile.iter().map(|m| *m == 1).collect();
    samples.extend(&oracle.features.concat(), &mobile, 0).expect("fits");
    samples.check().expect("two classes");
    let standardizer = Standardizer::fit(&samples).expect("features vary");
    let x = standardizer.apply(&samples.features, samples.columns.len());
    assert_eq!(oracle.cases.len(), 12);
    for case in oracle.cases {
        let plane = case.training.train(&x, &mobile).expect("converges");
        let pairs = plane.weights.iter().zip(&case.weights);
        let worst = pairs
            .chain([(&plane.intercept, &case.intercept)])
            .map(|(a, b)| (a - b).abs() / b.abs().max(1.0))
            .fold(0.0, f64::max);
        assert!(worst < 1e-6, "{:?}: weights differ by {worst:.1e}", case.training);
        let scores = plane.margins(&x);
        let confusion = Confusion::count(&scores, &mobile);
        assert!((confusion.balanced_accuracy() - case.balanced_accuracy).abs() < 1e-12);
        assert!((area_under(&roc(&scores, &mobile)) - case.area).abs() < 1e-12);
    }
}
