// Forces, second half kick and the kinetic energy's partial sums. With `stepped` = 0 only the forces
// and sums: the start of a session. Eight lanes share an atom and take every eighth of its
// neighbours; their sums, and with them the result, have an order of their own.

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<uniform> replicas: array<Replica, MOST_REPLICAS>;
@group(0) @binding(2) var<uniform> part: Part;
@group(0) @binding(3) var<storage, read_write> control: array<Control>;
@group(0) @binding(4) var<storage, read> position: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> list: array<u32>;
@group(0) @binding(6) var<storage, read> model: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> diameter: array<f32>;
@group(0) @binding(8) var<storage, read_write> velocity: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read_write> force: array<vec4<f32>>;
@group(0) @binding(10) var<storage, read_write> partial: array<vec2<f32>>;

var<workgroup> kinetic_of: array<f32, ATOMS_OF_LANES>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let within = linear_group(group, groups);
    if within >= part.groups * LANES {
        return;
    }
    let linear = part.first * LANES + within;
    let replica = linear / (parameters.groups * LANES);
    let i = linear * ATOMS_OF_LANES + lane / LANES;
    let is_atom = i - replica * parameters.slots < replicas[replica].atoms;
    let acts = is_atom && control[replica].halted == 0u;
    var species = 0u;
    var sum = vec3<f32>(0.0);
    var visits = 0u;
    if acts {
        let frame = replicas[replica].frame;
        // The atom's slot in its part of the list.
        let slot = i - part.first * WORKGROUP;
        let p = position[i];
        species = species_of(p);
        let rows = species * parameters.species_count;
        var own = 0.0;
        if USES_DIAMETERS {
            own = diameter[i];
        }
        let start = part.stride + slot * part.row;
        let end = start + list[slot];
        for (var k = start + lane % LANES; k < end; k += LANES) {
            let j = list[k];
            let q = position[j];
            let d = cartesian(frame, difference(p, q));
            let r2 = dot(d, d);
            let row = row_at(rows + species_of(q));
            var diameters = vec2<f32>(0.0);
            if USES_DIAMETERS {
                diameters = vec2<f32>(own, diameter[j]);
            }
            sum -= pair_term(r2, row, diameters).y * d;
            if COUNTS_RARE && r2 < row.words[RARE_BELOW / 4u][RARE_BELOW % 4u] {
                visits++;
            }
        }
    }
    let all = over_lanes(lane, vec4<f32>(sum, f32(visits)));
    if lane % LANES == 0u {
        var kinetic = 0.0;
        if acts {
            let total = all.xyz;
            force[i] = vec4<f32>(total, 0.0);
            let mass = parameters.masses[species];
            let old = velocity[i];
            var v = old.xyz;
            if control[replica].stepped != 0u {
                v = v + total * (replicas[replica].half_timestep * mass.x);
                velocity[i] = vec4<f32>(v, old.w);
            }
            if all.w > 0.0 {
                atomicAdd(&control[replica].splice_visits, u32(all.w));
            }
            if not_finite(total.x) || not_finite(total.y) || not_finite(total.z) {
                atomicMax(&control[replica].broken, 2u);
            }
            kinetic = mass.y * dot(v, v);
        }
        kinetic_of[lane / LANES] = kinetic;
    }
    workgroupBarrier();
    if lane == 0u {
        var kinetic = 0.0;
        for (var k = 0u; k < ATOMS_OF_LANES; k++) {
            kinetic += kinetic_of[k];
        }
        partial[linear].x = kinetic;
    }
}
