// A text that is inside every build of our agent, so that an agent that looks into another slot can
// tell whether the program there understands trial boots (decision 18).

/**
 * Search for these bytes in `/usr/bin/os-agent`; the engine logs them at start, which keeps them in
 * the program.
 */
export const AGENT_MARKER = 'kubenest.io/os-agent:trial-contract=1'
