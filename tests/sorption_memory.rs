//! Memory of sorption, counted by the allocator: what gradients are said to hold, and that isotherms
//! do not keep densities that nobody asked for. One test, so that nothing else allocates meanwhile.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use fulgurite::backend::Backend;
use fulgurite::backend::cpu::CpuBackend;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::sorption::{
    MeanSquare, Path, Scheme, Shape, SorptionPlan, even_humidities, random_lattices,
};

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting.
struct Counting;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), SeqCst) + layout.size();
        MOST.fetch_max(now, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Largest number of bytes that were held beyond those before.
fn peak(work: impl FnOnce()) -> f64 {
    let before = NOW.load(SeqCst);
    MOST.store(before, SeqCst);
    work();
    (MOST.load(SeqCst) - before) as f64
}

#[test]
fn memory_is_what_is_said() {
    let humidities = even_humidities(20, 1.0);
    let loss = MeanSquare { target: humidities.clone() };
    let backends: [Box<dyn Backend>; 2] =
        [Box::new(ReferenceBackend::new()), Box::new(CpuBackend::new())];
    for shape in [Shape::square(48, 50), Shape::cubic(12, 12, 12)] {
        // Four lattices are one group of the truncated scheme on the cpu.
        for (scheme, lattices) in
            [(Scheme::CONVERGED, 1), (Scheme::Truncated { iterations: 30 }, 4)]
        {
            let path = Path::adsorption(&humidities);
            let plan = SorptionPlan { scheme, ..SorptionPlan::new(path) };
            for backend in &backends {
                let name = &backend.capabilities().name;
                // The reference takes lattices one after another.
                let side_by_side = if name.contains("reference") { 1 } else { lattices };
                let batch = random_lattices(shape, side_by_side, 0.4..0.6, 2).expect("sound");
                let gradient = || {
                    backend.sorption_gradient(&batch, &plan, &loss).expect("runs");
                };
                // Threads and tables that stay.
                gradient();
                let have = peak(gradient) / side_by_side as f64;
                let said = backend.sorption_gradient_bytes(shape, &plan) as f64;
                println!("{name} {shape:?} {scheme:?}: {have} and {said}");
                assert!(
                    (said / have - 1.0).abs() < 0.1,
                    "{name} {shape:?} {scheme:?}: {have} bytes held, {said} said"
                );
            }
        }
        // Twenty points of densities would be 80 bytes a site on the cpu, 160 on the reference.
        for (backend, most) in backends.iter().zip([240.0, 60.0]) {
            let batch = random_lattices(shape, 1, 0.4..0.6, 2).expect("sound");
            let plan = SorptionPlan::new(Path::adsorption(&humidities));
            let isotherm = || {
                backend.sorption(&batch, &plan).expect("runs");
            };
            isotherm();
            let held = peak(isotherm) / shape.sites() as f64;
            println!("{}: {held} bytes a site", backend.capabilities().name);
            assert!(held < most, "{}: {held} bytes a site", backend.capabilities().name);
        }
    }
}
