// Model `kubernetes.kubelet`: the kubelet's configuration file (contract 5.5). In force when the
// kubelet starts again.
import { foldPart } from './key-path.ts'
import { openYamlFile } from './yaml-file.ts'
import { refusal, shown } from './setting-values.ts'
import { structuredModel } from './structured-model.ts'

const NAME = 'kubernetes.kubelet'
/** Keys through which the kubelet would run what a value names, in lower case (threat T10). */
const DENIED = new Set(['staticpodurl', 'staticpodurlheader', 'volumeplugindir'])
/** Keys that name a folder of root's, with the values that are what everybody has there. */
const LIMITED: ReadonlyMap<string, readonly unknown[]> = new Map([
  ['staticpodpath', ['', '/etc/kubernetes/manifests']],
  ['podlogsdir', ['', '/var/log/pods']],
])

export const kubernetesKubelet = structuredModel({
  files: {
    model: NAME,
    defaultPath: '/var/lib/kubelet/config.yaml',
    own: /^\/var\/lib\/kubelet\/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}\.ya?ml$/,
    remedy: 'use /var/lib/kubelet/NAME.yaml or /etc/NAME.conf',
  },
  waitsFor: 'kubelet.service',
  open: openYamlFile,
  checkSet(key, path, value) {
    // Older kubelets read keys whatever their case.
    const first = foldPart(path[0] ?? '')
    if (DENIED.has(first) || LIMITED.get(first)?.includes(value) === false)
      throw refusal(
        'kubelet-key-denied',
        `${shown(key)} may not be set to ${shown(JSON.stringify(value))}: the kubelet would run or overwrite what it finds there; remove it`,
      )
  },
})
