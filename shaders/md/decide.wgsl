// Turns the displacement check into the sizes of the rebuild's dispatches: none, or over atoms
// (words 0-2) and of one workgroup (words 4-6).

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read_write> control: Control;
@group(0) @binding(2) var<storage, read_write> arguments: array<u32, 8>;

@compute @workgroup_size(1)
fn main() {
    let rebuild = atomicExchange(&control.moved_too_far, 0u) != 0u && control.halted == 0u;
    let one = select(0u, 1u, rebuild);
    control.rebuilds += one;
    arguments[0] = one * parameters.dispatch_x;
    arguments[1] = one * parameters.dispatch_y;
    arguments[2] = one;
    arguments[4] = one;
    arguments[5] = one;
    arguments[6] = one;
}
