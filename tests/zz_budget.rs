mod gpu_support;
use gpu_support::*;
use fulgurite::potential::*;
use fulgurite::system::*;
use fulgurite::dynamics::Evaluation;
use fulgurite::backend::reference::for_each_pair;
struct Row<'a>(&'a [f64]);
impl Parameters<f64> for Row<'_> { fn get(&self,i:usize)->f64{self.0[i]} fn diameters(&self)->[f64;2]{[1.0;2]} }
#[test]
fn budget() {
  let folder = "/work/shared/reference/sodium-silicate";
  for name in ["glass-300K","glass-700K","melt-4000K"] {
    let text = std::fs::read_to_string(format!("{folder}/{name}.data")).unwrap();
    let mut length=0.0; let mut rows:Vec<(u16,[f64;3])>=vec![];
    for line in text.lines(){ let w:Vec<&str>=line.split_whitespace().collect();
      if w.get(2)==Some(&"xlo"){length=w[1].parse().unwrap();}
      if w.len()==6 && w[0].parse::<usize>().is_ok(){rows.push((w[1].parse::<u16>().unwrap()-1,[3,4,5].map(|k|w[k].parse().unwrap())));}}
    let b=SimulationBox::cubic(length).unwrap();
    let s=Structure::new(b,silicate(30,1).species,rows.iter().map(|r|r.0).collect(),rows.iter().map(|r|r.1).collect()).unwrap();
    let p=plan(&teter(),&s,1e-3);
    let want=exact(&s,&p);
    let f=&p.force_field;
    let kr=f.kernel_rows();
    let model=f.coulomb.as_ref().unwrap();
    let fit=f.damping_fit().unwrap().unwrap();
    let pos:Vec<[f64;3]>=s.positions.iter().map(|&r|from_fixed(&b,to_fixed(&b,r).0)).collect();
    for mode in 0..9 {
      let mut e=Evaluation{potential_energy:f.self_energy(&s.kinds),forces:vec![[0.0;3];s.len()],virial:[0.0;6]};
      for_each_pair(&b,&pos,8.0,|i,j,d,r2|{
        let k=usize::from(s.kinds[i])*3+usize::from(s.kinds[j]);
        let r2o=r2;
        let mut r2=r2; let mut dd=d;
        if mode==7||mode==8 { // device-like vector
           let df=d.map(|x|x as f32); let h=|x:f32|x; dd=df.map(|x|f64::from(h(x))); 
           if mode==8 {r2=f64::from(df[0]*df[0]+df[1]*df[1]+df[2]*df[2]);}
        }
        if mode==6 { r2=f64::from(r2 as f32);}
        let dist=<f64 as Real>::distance(r2);
        let mut row:Vec<f64>=kr[k].iter().map(|&x|f64::from(x)).collect();
        let exact_short=f.pairs[k].term(r2,[1.0;2]);
        let mut short=exact_short;
        if mode==0||mode==1 {
          if mode==1 {row[10]=64.0;}
          short=short_range_term::<Buckingham,f64,_>(&Row(&row),&dist);
        }
        let mut c=coulomb_term(model.products[k],&dist,&model.model);
        if mode==2 { c=coulomb_term(f64::from(model.products[k] as f32),&dist,&model.model);}
        if mode==3||mode==5 { // fit in f64 with f32 coefs
          let t=r2*f64::from(fit.scale)-1.0;
          let h=|c:&[f32]|c.iter().rev().fold(0.0,|s,&c|s*t+f64::from(c));
          let (en,sl)=(h(&fit.energy),h(&fit.slope));
          let q=model.products[k];
          c.energy=q*(1.0/dist.r-en+f64::from(fit.force_shift)*dist.r-f64::from(fit.energy_shift));
          c.virial=q*(dist.inverse+sl*r2-f64::from(fit.force_shift)*dist.r);
        }
        if mode==4 { c.virial=f64::from(c.virial as f32); short.virial=f64::from(short.virial as f32);}
        let mut tf=(short.virial+c.virial)/r2;
        if mode==4 {tf=f64::from(tf as f32);}
        let _=r2o;
        e.potential_energy+=short.energy+c.energy;
        for a in 0..3{e.forces[j][a]+=tf*dd[a];e.forces[i][a]-=tf*dd[a];}
        for (w,(x,y)) in e.virial.iter_mut().zip([(0,0),(1,1),(2,2),(1,2),(0,2),(0,1)]){*w+=tf*dd[x]*dd[y];}
      });
      let names=["rows","rows,c=64","qq","fit","force rounded","-","r2 rounded","d rounded","d,r2 f32"];
      println!("{name} {:14} {:.2e} {:.2e} {:.2e}",names[mode],errors(&e,&want)[0],errors(&e,&want)[1],errors(&e,&want)[2]);
    }
  }
}
