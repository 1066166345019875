// Where the cells of a replica lie; needs `parameters`.

// First word of a replica's cells: one for each, one for the end, one that says whether the
// replica rebuilds its list.
fn first_cell(replica: u32) -> u32 {
    return replica * (parameters.cell_room + 2u);
}

fn rebuild_flag(replica: u32) -> u32 {
    return first_cell(replica) + parameters.cell_room + 1u;
}
