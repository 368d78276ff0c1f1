// Brings our CRDs, the documented RBAC and the operator into a fresh cluster. The rights are those
// of deploy/compat and no more, so that a lab shows what works for users of those manifests.
import namespace from '../../../../deploy/compat/namespace.yaml' with { type: 'text' }
import documentedRbac from '../../../../deploy/compat/rbac.yaml' with { type: 'text' }
import osCrd from '../../../../deploy/crds/upgrade.openeuler.org_os.yaml' with { type: 'text' }
import osInstanceCrd from '../../../../deploy/crds/upgrade.openeuler.org_osinstances.yaml' with { type: 'text' }
import { runOrThrow } from '@kubenest/base/exec'
import { writeFile } from '@kubenest/base/files'
import { programCommand } from '@kubenest/base/self-program'
import { applyManifests, kubectlCommand, type LabDeps } from './control-plane.ts'
import { kubeconfigFor } from './kubeconfig.ts'
import type { LabRecord } from './lab-record.ts'

/** Installs; when it returns the API server knows our kinds and the operator runs. */
export async function installProduct(deps: LabDeps, record: LabRecord): Promise<void> {
  const { paths, request, processes } = deps
  await applyManifests(deps, 'our CRDs', `${osCrd}\n---\n${osInstanceCrd}`)
  await applyManifests(deps, 'access rights', `${namespace}---\n${documentedRbac}`)
  await runOrThrow(deps.exec, 'wait for our kinds', {
    argv: kubectlCommand(deps, [
      'wait',
      '--for=condition=Established',
      '--timeout=30s',
      'crd',
      'os.upgrade.openeuler.org',
      'osinstances.upgrade.openeuler.org',
    ]),
    timeoutMs: 40_000,
  })
  const kubeconfig = `${paths.pki}/upgrade.kubeconfig`
  const text = await kubeconfigFor(paths.pki, 'upgrade', record.apiServer, 'upgrade')
  await writeFile(kubeconfig, text, 0o600)
  await deps.step('Kinds OS and OSInstance are installed, with the documented access rights')
  if (!request.operator) return
  processes.start('operator', programCommand('kubenest-cluster', 'operator').argv, {
    env: { KUBECONFIG: kubeconfig, NO_COLOR: '1' },
    onExit: 'restart',
  })
  await deps.step('The operator runs')
}
