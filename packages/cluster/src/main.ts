// kubenest-cluster: what runs in pods. Each applet is loaded only when it is called, so that the
// proxy on every node pays for the proxy alone.
import { restartWithEnvironment } from '@kubenest/base/restart-with-environment'
import { startProgram } from '@kubenest/base/start-program'

// Resident on every node with little to compute: a compiler at hand costs 1 MB each (ADR 0096).
restartWithEnvironment({ BUN_JSC_useJIT: '0' }, process)

await startProgram(
  {
    name: 'kubenest-cluster',
    summary: 'Moves the operating systems of Kubernetes nodes from one version to another.',
    applets: [
      {
        name: 'operator',
        summary: 'Decides which nodes of the cluster start now',
        load: async () => (await import('./operator/applet.ts')).operatorApplet,
      },
      {
        name: 'proxy',
        summary: "Carries out its node's part: cordon, drain, agent, report",
        load: async () => (await import('./proxy/applet.ts')).proxyApplet,
      },
    ],
  },
  { calledAs: process.argv0, argv: process.argv.slice(2), env: process.env },
)
