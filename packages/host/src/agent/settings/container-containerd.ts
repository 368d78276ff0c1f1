// Model `container.containerd`: containerd's configuration file (contract 5.6). In force when
// containerd starts again.
import { foldPart } from './key-path.ts'
import { refusal, shown } from './setting-values.ts'
import { structuredModel } from './structured-model.ts'
import { openTomlFile } from './toml/toml-file.ts'

const NAME = 'container.containerd'
/** Parts of a key, in lower case, below which containerd is told what to run or load (T10). */
const DENIED = new Set([
  'base_runtime_spec',
  'command',
  'conf_template',
  'configpath',
  'criupath',
  'imports',
  'io.containerd.internal.v1.opt',
  'plugin_config_path',
  'plugin_dir',
  'plugin_path',
  'runtime_engine',
  'runtime_path',
  'shim',
  'stream_processors',
])
/** Keys that choose among programs or folders of the image, with the values that do only that. */
const LIMITED: ReadonlyMap<string, RegExp> = new Map([
  // containerd removes what is at the place of its sockets.
  [
    'address',
    /^(?!\/|unix:)|^(?:unix:\/\/)?(?:\/var)?\/run\/(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*\/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*$/,
  ],
  ['bin_dir', /^\/(?:opt\/cni\/bin|usr\/lib(?:exec)?\/cni)$/],
  ['bin_dirs', /^\/(?:opt\/cni\/bin|usr\/lib(?:exec)?\/cni)$/],
  [
    'binaryname',
    /^(?:\/usr\/(?:local\/)?s?bin\/)?(?:runc|crun|youki|runsc|nvidia-container-runtime)$/,
  ],
  ['cdi_spec_dirs', /^(?:\/etc\/cdi|(?:\/var)?\/run\/cdi)$/],
  ['conf_dir', /^\/etc\/cni\/net\.d$/],
  ['runtime', /^(?:runc|crun|youki)$/],
  ['runtime_type', /^io\.containerd\.[a-z0-9-]+\.v[0-9]+$/],
])

export const containerContainerd = structuredModel({
  files: {
    model: NAME,
    defaultPath: '/etc/containerd/config.toml',
    own: /^\/etc\/containerd\/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}\.toml$/,
    remedy: 'use /etc/containerd/NAME.toml or /etc/NAME.conf',
  },
  waitsFor: 'containerd.service',
  open: openTomlFile,
  checkSet(key, path, value) {
    // containerd reads keys whatever their case.
    const parts = path.map(foldPart)
    const rule = LIMITED.get(parts.at(-1) ?? '')
    const values = Array.isArray(value) ? (value as unknown[]) : [value]
    const isOutside =
      rule !== undefined && !values.every((each) => typeof each !== 'string' || rule.test(each))
    if (isOutside || parts.some((part) => DENIED.has(part)))
      throw refusal(
        'containerd-key-denied',
        `${shown(key)} may not be set to ${shown(JSON.stringify(value))}: containerd would run or load what it finds there; bring the program in the image instead`,
      )
  },
})
