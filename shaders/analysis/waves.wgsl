// Density waves: sums of exp(2πi(hx + ky + lz)) over blocks of atoms of one species.
//
// Positions are 32-bit fractions of the box, so that the phase in turns is exact: whole turns run
// over and are gone.

const THREADS: u32 = 64u;

struct Parameters {
    // wave vectors of this pass, blocks, first wave vector
    sizes: vec4<u32>,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> atoms: array<vec4<u32>>;
// first atom and end of each block
@group(0) @binding(2) var<storage, read> blocks: array<vec2<u32>>;
// h, k, l
@group(0) @binding(3) var<storage, read> vectors: array<vec4<i32>>;
// for each wave vector, for each block
@group(0) @binding(4) var<storage, read_write> sums: array<vec2<f32>>;

var<workgroup> partial: array<vec2<f32>, THREADS>;

// Cosine and sine of a phase in units of 2⁻³² turns, to 1e-7; the language's own may be wrong by
// 5e-4.
fn wave(phase: u32) -> vec2<f32> {
    let quarters = f32(bitcast<i32>(phase)) * 9.313225746154785e-10;
    let q = round(quarters);
    let r = quarters - q;
    let s = r * r;
    let sine = r * (1.5707964 + s * (-0.64596410 + s * (0.07969263 + s * (-0.0046817541 + s * 0.00016044119))));
    let cosine = 1.0 + s * (-1.2337005 + s * (0.25366951 + s * (-0.020863481 + s * (0.00091926027 - s * 2.5202043e-5))));
    let turned = select(vec2<f32>(cosine, sine), vec2<f32>(-sine, cosine), (i32(q) & 1) != 0);
    return select(turned, -turned, (i32(q) & 2) != 0);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let hkl = bitcast<vec3<u32>>(vectors[parameters.sizes.z + group.x].xyz);
    let block = blocks[group.y];
    var sum = vec2<f32>(0.0);
    for (var j = block.x + thread; j < block.y; j += THREADS) {
        let atom = atoms[j].xyz;
        sum += wave(hkl.x * atom.x + hkl.y * atom.y + hkl.z * atom.z);
    }
    partial[thread] = sum;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
    }
    if (thread == 0u) {
        sums[group.x * parameters.sizes.y + group.y] = partial[0];
    }
}
