// The proofs have a short form for the gate and a long one for `make prove`.

/** KUBENEST_PROVE=1 asks for the long form. */
export const isLongForm = process.env['KUBENEST_PROVE'] === '1'

/** Seed of the random parts; KUBENEST_SEED repeats a run. */
export const SEED = Number(process.env['KUBENEST_SEED'] ?? 20_241_121)
