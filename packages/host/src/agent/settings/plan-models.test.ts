// Contract 5.5 to 5.8, E7 to E10: what requests of the models with files come to, and what they
// refuse (threats T10 to T12, decision 25).
import { describe, expect, test } from 'bun:test'
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { parse as parseToml } from 'smol-toml'
import { parse as parseYaml } from 'yaml'
import { planSettings, targetsOfSettings } from './plan-settings.ts'

const LIMITS = '/etc/security/limits.conf'
const KUBELET = '/var/lib/kubelet/config.yaml'
const CONTAINERD = '/etc/containerd/config.toml'
type Contents = Record<string, unknown>

/** A value, or `[value, operation]` as a tuple object. */
const op = (value: unknown, operation: string) => ({ op: operation, value })

function entry(model: string, contents: Contents, configPath = ''): ConfigureEntry {
  const full = Object.entries(contents).map(([key, content]) => {
    const isOp = typeof content === 'object' && content !== null && 'op' in content
    const { value, op: operation } = isOp
      ? (content as { value: unknown; op: string })
      : { value: content, op: '' }
    return [key, { value, operation }] as const
  })
  return { model, config_path: configPath, contents: Object.fromEntries(full) }
}

function plan(model: string, contents: Contents, files: Record<string, string>) {
  const entries = [entry(model, contents)]
  targetsOfSettings(entries)
  const { changes, warnings } = planSettings(entries, new Map(Object.entries(files)))
  return {
    text: changes[0]?.content,
    all: Object.fromEntries(changes.map((change) => [change.target.path, change.content])),
    warned: warnings.map((warning) => warning.key),
  }
}

function refusalOf(model: string, contents: Contents, configPath = ''): unknown {
  try {
    targetsOfSettings([entry(model, contents, configPath)])
  } catch (error) {
    return error
  }
  return undefined
}

describe('kubernetes.kubelet', () => {
  test('is the example of contract 5.5, with comments', () => {
    const before = `# of the node
authorization:
  mode: Webhook   # who may
clusterDNS:
- 10.0.0.10
port: 10255
staticPodPath: /etc/k8s
`
    const contents = {
      'authorization.webhook.cacheAuthorizedTTL': '30s',
      clusterDNS: ['10.0.0.11'],
      'evictionHard."memory.available"': '200Mi',
      port: 10250,
      staticPodPath: op('', 'delete'),
    }
    expect(plan('kubernetes.kubelet', contents, { [KUBELET]: before }).text).toBe(`# of the node
authorization:
  mode: Webhook   # who may
  webhook:
    cacheAuthorizedTTL: 30s
clusterDNS:
- 10.0.0.10
- 10.0.0.11
port: 10250
evictionHard:
  memory.available: 200Mi
`)
  })

  test('E7: starts from nothing, with every type', () => {
    const contents = {
      a: null,
      'b.c': true,
      'd."e.f"': 1,
      "g.'h.i'": 1.5,
      j: 'text',
      k: ['x', 1, false],
      l: 'yes',
      m: '012',
      n: { o: { p: 1 } },
      '..q..': 'dots',
    }
    const { text = '', warned } = plan('kubernetes.kubelet', contents, {})
    expect(warned).toEqual([])
    expect(parseYaml(text, { version: '1.1' })).toEqual({
      a: null,
      b: { c: true },
      d: { 'e.f': 1 },
      g: { 'h.i': 1.5 },
      j: 'text',
      k: ['x', 1, false],
      l: 'yes',
      m: '012',
      n: { o: { p: 1 } },
      q: 'dots',
    })
  })

  test('E8: null over a mapping, lists appended, deletes, deep new paths, empty key', () => {
    const before = 'a:\n  b: 1\nlist: [1]\nscalar: 1\nnothing:\n'
    const contents = {
      a: null,
      list: [1, 2],
      missing: op(1, 'delete'),
      scalar: op('other', 'delete'),
      'x.y.z': 0.5,
      '': 1,
      'nothing.k': 'v',
      'list.k': 1,
    }
    const { text = '', warned } = plan('kubernetes.kubelet', contents, { [KUBELET]: before })
    expect(parseYaml(text)).toEqual({
      a: null,
      list: [1, 1, 2],
      nothing: { k: 'v' },
      x: { y: { z: 0.5 } },
    })
    expect(warned).toEqual(['missing', '', 'list.k'])
  })

  test('a list is not replaced by something else', () => {
    const { text, warned } = plan(
      'kubernetes.kubelet',
      { list: 'x' },
      { [KUBELET]: 'list:\n- 1\n' },
    )
    expect(text).toBe('list:\n- 1\n')
    expect(warned).toEqual(['list'])
  })

  test('X19: deleting a path with a missing part leaves its namesakes alone', () => {
    const before = 'b: 1\n'
    expect(plan('kubernetes.kubelet', { 'a.b': op(1, 'delete') }, { [KUBELET]: before }).text).toBe(
      before,
    )
  })

  test.each([
    ['staticPodURL', 'https://h/pod.yaml'],
    ['staticPodPath', '/tmp/pods'],
    ['STATICPODPATH', '/tmp/pods'],
    ['staticPodPath.x', 1],
    ['volumePluginDir', '/tmp/x'],
    ['podLogsDir', '/etc/cron.d'],
    ['\u017ftaticPodURL', 'https://h/pod.yaml'],
  ])('T10: refuses %s = %j', (key, value) => {
    expect(refusalOf('kubernetes.kubelet', { [key]: value })).toMatchObject({
      code: 'kubelet-key-denied',
    })
  })

  test('refuses the key by which YAML takes over the members of a mapping', () => {
    const value = { staticPodURL: 'https://h/pod.yaml' }
    expect(refusalOf('kubernetes.kubelet', { '<<': value })).toMatchObject({
      code: 'setting-key-malformed',
    })
  })

  test('allows the folder of static pods that everybody has', () => {
    expect(
      refusalOf('kubernetes.kubelet', { staticPodPath: '/etc/kubernetes/manifests' }),
    ).toBeUndefined()
  })

  test.each([
    '__proto__',
    'a.__proto__.b',
    'constructor',
    '"a',
    "a'b'c",
    'a\nb',
    'a"b"',
    '"a"b',
    'x'.repeat(600),
    'a.\u202eb',
  ])('T13: refuses the key %j', (key) => {
    for (const model of ['kubernetes.kubelet', 'container.containerd'])
      expect(refusalOf(model, { [key]: 1 })).toMatchObject({ kind: 'invalid' })
  })

  test.each([
    ['a\nb'],
    [['ok', 'a\u0000']],
    [{ 'k\n': 1 }],
    [JSON.parse('{"__proto__":1}')],
    [JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`)],
    [Array(3000).fill(1)],
    [2 ** 53],
  ])('T13: refuses the value %j', (value) => {
    expect(refusalOf('kubernetes.kubelet', { a: value })).toMatchObject({ kind: 'invalid' })
  })
})

describe('container.containerd', () => {
  test('is the example of contract 5.6', () => {
    const before = `disabled_plugins = ["a"]
root = "/data"
[plugins."io.containerd.grpc.v1.cri"]
stream_port = "0"
`
    const contents = {
      'plugins."io.containerd.grpc.v1.cri".sandbox_image': 'reg.lan/pause:3.9',
      disabled_plugins: ['cri2'],
      oom_score: -999,
      root: op('other', 'delete'),
    }
    const { text = '' } = plan('container.containerd', contents, { [CONTAINERD]: before })
    expect(parseToml(text)).toEqual({
      disabled_plugins: ['a', 'cri2'],
      oom_score: -999,
      plugins: {
        'io.containerd.grpc.v1.cri': { sandbox_image: 'reg.lan/pause:3.9', stream_port: '0' },
      },
    })
  })

  test('E9: null and objects are skipped, unusable elements dropped', () => {
    const contents = {
      a: null,
      b: { c: 1 },
      d: [1, null, { e: 1 }, 2],
      'f.g': 1.5,
      h: op(1, 'delete'),
    }
    const { text = '', warned } = plan('container.containerd', contents, {})
    expect(parseToml(text)).toEqual({ d: [1, 2], f: { g: 1.5 } })
    expect(warned).toEqual(['a', 'b', 'h'])
  })

  test.each([
    ['imports', ['/tmp/x.toml']],
    ['plugin_dir', '/tmp'],
    ['Plugin_Dir', '/tmp'],
    ['stream_processors.x.path', '/tmp/x'],
    ['plugins.cri.containerd.runtimes.x.runtime_type', '/tmp/shim'],
    ['plugins.cri.containerd.runtimes.x.options.BinaryName', '/tmp/runc'],
    ['plugins.cri.containerd.runtimes.x.options.BinaryName', '/usr/bin/bash'],
    ['plugins.cri.containerd.runtimes.x.base_runtime_spec', '/tmp/spec.json'],
    ['plugins.cri.cni.bin_dir', '/tmp'],
    ['plugins.cri.cdi_spec_dirs', ['/etc/cdi', '/tmp']],
    ['plugins."io.containerd.runtime.v1.linux".shim', 'x'],
    ['plugins."io.containerd.internal.v1.opt".path', '/tmp'],
    ['plugins."io.containerd.nri.v1.nri".plugin_path', '/tmp'],
    ['plugins.cri.containerd.runtimes.x.options.ConfigPath', '/etc/x.conf'],
    ['plugins.cri.containerd.runtimes.x.options.CriuPath', '/tmp/criu'],
    ['grpc.address', '/etc/passwd'],
    ['ttrpc.address', '/run/../etc/passwd'],
    ['debug.address', 'unix:///etc/passwd'],
  ])('T10: refuses %s = %j', (key, value) => {
    expect(refusalOf('container.containerd', { [key]: value })).toMatchObject({
      code: 'containerd-key-denied',
    })
  })

  test.each([
    ['plugins.cri.containerd.runtimes.kata.runtime_type', 'io.containerd.kata.v2'],
    ['plugins.cri.containerd.runtimes.x.options.BinaryName', '/usr/bin/nvidia-container-runtime'],
    ['plugins.cri.containerd.runtimes.runc.options.SystemdCgroup', true],
    ['plugins.cri.cni.bin_dir', '/opt/cni/bin'],
    ['grpc.address', '/run/containerd/containerd.sock'],
    ['metrics.address', '127.0.0.1:1338'],
  ])('allows %s = %j', (key, value) => {
    expect(refusalOf('container.containerd', { [key]: value })).toBeUndefined()
  })
})

describe('pam.limits', () => {
  const limits = (contents: Contents, before: string) =>
    plan('pam.limits', contents, { [LIMITS]: before })

  test('is the example of contract 5.7', () => {
    const contents = {
      ftp: 'hard._.10',
      db: op('hard.nofile.9', 'delete'),
      old: op('-.nproc.5', 'delete'),
      web: 'soft.nofile.65535',
    }
    expect(limits(contents, 'ftp soft core 0\ndb hard nofile 1024\nold - nproc 5\n').text).toBe(
      'ftp hard core 10\ndb hard nofile 1024\nweb soft nofile 65535\n',
    )
  })

  test('E10, X20: aligned columns, "_", two parts, bad keys; other lines stay as they are', () => {
    const before = '# head\n*\tsoft   core\t0  # why\n@grp  hard nofile 1 # mine\na - nproc 5\n\n'
    const contents = {
      '@grp': op('_._.7', 'update'),
      '*': 'hard.x',
      a: '',
      new1: '_.core.1',
      'b c': 'a.b.c',
      '': 'a.b.c',
      gone: op('a.b.c', 'delete'),
      fresh: '-.core.unlimited',
      list: [1],
    }
    const { text, warned } = limits(contents, before)
    expect(text).toBe(
      '# head\n*\tsoft   core\t0  # why\n@grp hard nofile 7 # mine\na - nproc 5\nfresh - core unlimited\n',
    )
    expect(warned).toEqual(['@grp', '*', 'a', 'new1', 'b c', '', 'gone', 'list'])
  })

  test('only the first line of a domain is addressed', () => {
    expect(limits({ a: 'hard.core.1' }, 'a soft core 0\na hard core 0\n').text).toBe(
      'a hard core 1\na hard core 0\n',
    )
  })

  test('fails for a line with fewer than four parts and for a missing file', () => {
    expect(() => limits({}, 'a soft core\n')).toThrow('line 1 of /etc/security/limits.conf')
    expect(() => plan('pam.limits', {}, {})).toThrow('does not exist')
  })

  test.each([
    ['u', 'hard.chroot./tmp'],
    ['u', 'hard.core.1 x'],
    ['u', 'hard.core.$x'],
    ['#u', 'hard.core.1'],
    ['u\n*', 'hard.core.1'],
    ['u\tv', 'hard.core.1'],
    ['u', 'a;b.core.1'],
    ['u', '-.chroot.x'],
  ])('T9: refuses %j = %j', (key, value) => {
    expect(refusalOf('pam.limits', { [key]: value })).toMatchObject({ kind: 'invalid' })
  })
})

describe('configpath', () => {
  test.each([
    ['kubernetes.kubelet', '/var/lib/kubelet/other.yaml'],
    ['kubernetes.kubelet', '/etc/kubelet.conf'],
    ['container.containerd', '/etc/containerd/other.toml'],
  ])('%s takes %s', (model, path) => {
    expect(targetsOfSettings([entry(model, {}, path)])[0]?.path).toBe(path)
  })

  test.each([
    ['kubernetes.kubelet', '/etc/kubernetes/manifests/x.yaml'],
    ['kubernetes.kubelet', '/var/lib/kubelet/../x.yaml'],
    ['kubernetes.kubelet', '/var/lib/kubelet/pki/x.yaml'],
    ['kubernetes.kubelet', '/var/lib/kubelet/kubeadm-flags.env'],
    ['kubernetes.kubelet', '/etc/sudo.conf'],
    ['kubernetes.kubelet', '/etc/sysctl.conf'],
    ['container.containerd', '/etc/sysctl.conf'],
    ['container.containerd', '/etc/containerd/certs.d/x.toml'],
    ['container.containerd', '/root/config.toml'],
    ['container.containerd', '/etc/systemd/system/x.toml'],
  ])('%s refuses %s', (model, path) => {
    expect(refusalOf(model, {}, path)).toMatchObject({ code: 'config-path-refused' })
  })

  test('models without a path of their own ignore it, as documented', () => {
    expect(targetsOfSettings([entry('pam.limits', {}, '/etc/shadow')])[0]?.path).toBe(LIMITS)
  })
})
