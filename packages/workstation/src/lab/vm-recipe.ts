// What virtual nodes of a lab are built from: the files beside this product's examples, embedded as
// text, and the versions, which differ from each other in one file.
import debianSources from '../../../../examples/kbimg/debian.sources' with { type: 'text' }
import labToml from '../../../../examples/kbimg/lab-vm.toml' with { type: 'text' }
import cni from '../../../../examples/kbimg/lab-vm/cni/10-lab.conflist' with { type: 'text' }
import containerd from '../../../../examples/kbimg/lab-vm/containerd/config.toml' with { type: 'text' }
import kubelet from '../../../../examples/kbimg/lab-vm/kubelet/config.yaml' with { type: 'text' }
import apiServer from '../../../../examples/kbimg/lab-vm/lab/apiserver.nft' with { type: 'text' }
import booted from '../../../../examples/kbimg/lab-vm/lab/booted' with { type: 'text' }
import health from '../../../../examples/kbimg/lab-vm/lab/health.toml' with { type: 'text' }
import leaveOut from '../../../../examples/kbimg/lab-vm/lab/leave-out.sh' with { type: 'text' }
import modules from '../../../../examples/kbimg/lab-vm/lab/initramfs-modules' with { type: 'text' }
import journald from '../../../../examples/kbimg/lab-vm/lab/journald.conf' with { type: 'text' }
import system from '../../../../examples/kbimg/lab-vm/lab/system.conf' with { type: 'text' }
import network from '../../../../examples/kbimg/lab-vm/network/20-lab.network' with { type: 'text' }
import kubeletUnit from '../../../../examples/kbimg/lab-vm/units/kubelet.service' with { type: 'text' }
import apiServerUnit from '../../../../examples/kbimg/lab-vm/units/lab-apiserver.service' with { type: 'text' }
import consoleUnit from '../../../../examples/kbimg/lab-vm/units/lab-console.service' with { type: 'text' }
import hostnameUnit from '../../../../examples/kbimg/lab-vm/units/lab-hostname.service' with { type: 'text' }
import imagesUnit from '../../../../examples/kbimg/lab-vm/units/lab-images.service' with { type: 'text' }
import kubeletFails from '../../../../examples/kbimg/lab-vm/variants/kubelet-fails.conf' with { type: 'text' }
import panic from '../../../../examples/kbimg/lab-vm/variants/panic.conf' with { type: 'text' }

/** Versions a virtual node can be moved to; v3 panics, v4 boots and fails its health gate. */
export const VM_VERSIONS = ['v1', 'v2', 'v3', 'v4'] as const
export type VmVersion = (typeof VM_VERSIONS)[number]

/** Package sources for a machine that has none of its own for this release. */
export const EXAMPLE_SOURCES = debianSources

/** Files that the configuration names, by path below the folder of the build. */
export const RECIPE_FILES: Readonly<Record<string, string>> = {
  'lab-vm/cni/10-lab.conflist': cni,
  'lab-vm/containerd/config.toml': containerd,
  'lab-vm/kubelet/config.yaml': kubelet,
  'lab-vm/lab/apiserver.nft': apiServer,
  'lab-vm/lab/booted': booted,
  'lab-vm/lab/health.toml': health,
  'lab-vm/lab/initramfs-modules': modules,
  'lab-vm/lab/journald.conf': journald,
  'lab-vm/lab/leave-out.sh': leaveOut,
  'lab-vm/lab/system.conf': system,
  'lab-vm/network/20-lab.network': network,
  'lab-vm/units/kubelet.service': kubeletUnit,
  'lab-vm/units/lab-apiserver.service': apiServerUnit,
  'lab-vm/units/lab-console.service': consoleUnit,
  'lab-vm/units/lab-hostname.service': hostnameUnit,
  'lab-vm/units/lab-images.service': imagesUnit,
  'lab-vm/variants/kubelet-fails.conf': kubeletFails,
  'lab-vm/variants/panic.conf': panic,
}

const FAULTS: Readonly<Record<VmVersion, string>> = {
  v1: '',
  v2: '',
  v3: copyFile('panic.conf', '/usr/lib/tmpfiles.d', 'lab-panic.conf'),
  v4: copyFile('kubelet-fails.conf', '/usr/lib/systemd/system/kubelet.service.d', 'lab.conf'),
}

/** kbimg's configuration of one version. */
export function renderVmConfig(version: VmVersion): string {
  const text = labToml
    .replace('version = "v1"', `version = "${version}"`)
    .replace('kubenest-lab:v1', `kubenest-lab:${version}`)
  return `${text}${FAULTS[version]}`
}

function copyFile(source: string, folder: string, name: string): string {
  return `
[[copy_files]]
src = "./lab-vm/variants/${source}"
dst = "${folder}/${name}"
create_dir = "${folder}"
`
}
