// The mount units of contract 6.7 item 4, and /tmp, which the read-only root cannot hold. They
// stand in /usr, so that an /etc overlay from an older version cannot hide them.

interface MountUnit {
  readonly file: string
  readonly description: string
  readonly what: string
  readonly where: string
  readonly type: string
  readonly options: string
  /** On the persist partition, so it must be mounted before. */
  readonly needsPersist: boolean
}

const UNITS: readonly MountUnit[] = [
  {
    file: 'persist.mount',
    description: 'Data that outlives upgrades',
    what: '/dev/disk/by-label/PERSIST',
    where: '/persist',
    type: 'ext4',
    options: 'defaults',
    needsPersist: false,
  },
  {
    file: 'boot-efi.mount',
    description: 'Boot loader and its environment',
    what: '/dev/disk/by-label/BOOT',
    where: '/boot/efi',
    type: 'vfat',
    options: 'umask=0077',
    needsPersist: false,
  },
  {
    file: 'tmp.mount',
    description: 'Temporary files',
    what: 'tmpfs',
    where: '/tmp',
    type: 'tmpfs',
    options: 'mode=1777,nosuid,nodev,size=50%',
    needsPersist: false,
  },
  {
    file: 'etc.mount',
    description: 'Writable /etc',
    what: 'overlay',
    where: '/etc',
    type: 'overlay',
    options: 'upperdir=/persist/etc,lowerdir=/etc,workdir=/persist/etcwork',
    needsPersist: true,
  },
  {
    file: 'var.mount',
    description: 'Writable /var',
    what: '/persist/var',
    where: '/var',
    type: 'none',
    options: 'bind',
    needsPersist: true,
  },
  {
    file: 'opt-cni.mount',
    description: 'Writable /opt/cni',
    what: 'overlay',
    where: '/opt/cni',
    type: 'overlay',
    options: 'upperdir=/persist/opt,lowerdir=/opt/cni,workdir=/persist/optwork',
    needsPersist: true,
  },
]

/** Unit files by name. */
export function renderMountUnits(): { file: string; text: string }[] {
  return UNITS.map((unit) => ({ file: unit.file, text: renderUnit(unit) }))
}

function renderUnit(unit: MountUnit): string {
  const persist = unit.needsPersist ? 'Wants=persist.mount\nAfter=persist.mount\n' : ''
  return `[Unit]
Description=${unit.description}
DefaultDependencies=no
Conflicts=umount.target
Before=local-fs.target umount.target
${persist}
[Mount]
What=${unit.what}
Where=${unit.where}
Type=${unit.type}
Options=${unit.options}

[Install]
WantedBy=local-fs.target
`
}
