// The agent's units as text inside the executable, and the health timings of an image (decision
// 20).
import deadlineService from '../../../../deploy/systemd/kubenest-deadline.service' with { type: 'text' }
import deadlineTimer from '../../../../deploy/systemd/kubenest-deadline.timer' with { type: 'text' }
import gateService from '../../../../deploy/systemd/kubenest-gate.service' with { type: 'text' }
import softdogService from '../../../../deploy/systemd/kubenest-softdog.service' with { type: 'text' }
import watchdog from '../../../../deploy/systemd/kubenest-watchdog.conf' with { type: 'text' }
import trialService from '../../../../deploy/systemd/kubenest-trial.service' with { type: 'text' }
import agentService from '../../../../deploy/systemd/os-agent.service' with { type: 'text' }
import agentSocket from '../../../../deploy/systemd/os-agent.socket' with { type: 'text' }

/** Unit files that every image has. */
export const AGENT_UNITS: readonly { readonly file: string; readonly text: string }[] = [
  { file: 'os-agent.service', text: agentService },
  { file: 'os-agent.socket', text: agentSocket },
  { file: 'kubenest-trial.service', text: trialService },
  { file: 'kubenest-gate.service', text: gateService },
  { file: 'kubenest-deadline.service', text: deadlineService },
  { file: 'kubenest-deadline.timer', text: deadlineTimer },
  { file: 'kubenest-softdog.service', text: softdogService },
]

/** How systemd feeds a watchdog, for its folder of settings. */
export const WATCHDOG_CONFIG = watchdog

/**
 * Timings of the health gate (decision 20); a file of the same name from `copy_files` replaces it.
 */
export const HEALTH_TOML = `[timings]
least_uptime_seconds = 45
wanted_wait_seconds = 300
deadline_seconds = 900
look_interval_seconds = 10
`
