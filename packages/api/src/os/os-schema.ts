// The one source of the OS and OSInstance APIs (contract 1.2 to 1.5, product 3): types, validation
// and CRD manifests come from these schemas. Imported by tools and tests; programs import types
// only.
import { z } from 'zod'

/** A rule in CEL that the API server checks; its message names field, value and remedy. */
interface CelRule {
  readonly rule: string
  readonly field: string
  /** CEL expression of the value as text. */
  readonly value: string
  readonly remedy: string
}

function cel<T extends z.ZodType>(schema: T, { rule, field, value, remedy }: CelRule): T {
  const messageExpression = `'${field} is ' + ${value} + ': ${remedy}'`
  const rules = [{ rule, message: `${field}: ${remedy}`, messageExpression }]
  return schema.meta({ ...schema.meta(), 'x-kubernetes-validations': rules })
}

const text = (description: string) => z.string().describe(description)

const Content = z.object({
  key: text('Name of the parameter; not empty, without "=".').optional(),
  value: z.unknown().meta({ 'x-kubernetes-preserve-unknown-fields': true }).optional(),
  operation: text('"delete" or empty.').optional(),
})

const Config = z.object({
  model: text('Settings model, for example kernel.sysctl.').optional(),
  configpath: text('File to change; honoured by three models.').optional(),
  contents: z.array(Content).optional(),
})

export const Configs = z.object({
  version: text(
    'Only equality matters: another version means the settings are applied.',
  ).optional(),
  configs: z.array(Config).optional(),
})

const TimeWindow = z.object({
  starttime: text('HH:MM:SS or YYYY-MM-DD HH:MM:SS, in the zone of the operator.'),
  endtime: text('Same format as starttime.'),
})

const IntOrPercent = cel(
  z.union([z.int(), z.string()]).meta({ 'x-kubernetes-int-or-string': true }),
  {
    rule: "type(self) == int ? self >= 0 : self.matches('^(100|[1-9]?[0-9])%$')",
    field: 'spec.rollout.maxUnavailable',
    value: "(type(self) == int ? string(self) : '\"' + self + '\"')",
    remedy: 'give a number of nodes from 0, or a percentage from "0%" to "100%"',
  },
)

const Drain = z.object({
  timeoutSeconds: z.int().min(1).max(86_400).default(900).describe('Deadline of the drain.'),
  onTimeout: z
    .enum(['Stop', 'Skip', 'Force'])
    .default('Stop')
    .describe('What to do at the deadline.'),
})

const Health = z.object({
  policy: z.enum(['Strict', 'Local']).default('Strict'),
  deadlineSeconds: z.int().min(60).max(86_400).default(900),
})

export const Rollout = z.object({
  paused: z.boolean().optional().describe('Start nothing new; nodes at work go on.'),
  maxUnavailable: IntOrPercent.optional().describe('Wins over maxunavailable.'),
  maxFailures: z
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('Failed nodes after which the rollout halts itself.'),
  drain: Drain.optional(),
  health: Health.optional(),
  restartServices: z
    .boolean()
    .optional()
    .describe(
      'With opstype config: restart kubelet and containerd where their files changed, one node at a time; a node whose service does not stay up gets its old files back and holds the others. Without it nothing is restarted, and status.settings.waiting of the OSInstance says what waits.',
    ),
})

export const OsSpec = z.object({
  imagetype: z
    .enum(['docker', 'containerd', 'disk', ''])
    .default('')
    .describe('Source kind for upgrade.'),
  opstype: z.enum(['upgrade', 'rollback', 'config']).describe('Which operation is asked for.'),
  osversion: text('Target version, equal to PRETTY_NAME of os-release.'),
  maxunavailable: z.int().describe('Batch size.'),
  containerimage: text('Image for docker and containerd.').default(''),
  imageurl: text('Download address for disk, http or https.').default(''),
  checksum: text('SHA-256 of the download, or digest of the container image.').default(''),
  flagSafe: z.boolean().default(false).describe('Allows an http imageurl.'),
  mtls: z.boolean().default(false).describe('Use a client certificate with https.'),
  evictpodforce: z.boolean().default(false).describe('Evict pods that would otherwise be refused.'),
  cacert: text('File name below /etc/KubeOS/certs.').optional(),
  clientcert: text('File name below /etc/KubeOS/certs.').optional(),
  clientkey: text('File name below /etc/KubeOS/certs.').optional(),
  sysconfigs: Configs.optional(),
  upgradeconfigs: Configs.optional(),
  nodeselector: text('no-label, all-label, or the value of the node-selector label.').default(
    'no-label',
  ),
  timewindow: TimeWindow.optional(),
  timeinterval: z.int().default(15).describe('Least pause between batches, seconds.'),
  executionmode: z.enum(['serial', 'parallel', '']).default('parallel'),
  rollout: Rollout.optional(),
})

const ConditionSchema = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: z.string().meta({ format: 'date-time' }),
  observedGeneration: z.int().optional(),
})

const Conditions = z
  .array(ConditionSchema)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })

const ReasonGroup = z.object({
  reason: z.string(),
  message: z.string(),
  count: z.int(),
  nodes: z.array(z.string()).describe('Example nodes, at most three.'),
  since: z.string().optional(),
})

export const OsStatus = z.object({
  observedGeneration: z.int().optional(),
  conditions: Conditions.optional(),
  nodes: z.int().optional(),
  updated: z.int().optional(),
  updating: z.int().optional(),
  waiting: z.int().optional(),
  failed: z.int().optional(),
  nextActionTime: z.string().optional(),
  deniedDigests: z.array(z.string()).optional(),
  reasons: z.array(ReasonGroup).optional().describe('The 20 largest groups.'),
})

export const OsInstanceSpec = z.object({
  nodestatus: text('idle, upgrade or config; anything else means busy.').optional(),
  namespacedname: z
    .object({ name: z.string().optional(), namespace: z.string().optional() })
    .optional(),
  sysconfigs: Configs.optional(),
  upgradeconfigs: Configs.optional(),
})

const SlotStatus = z.object({
  name: z.string(),
  version: z.string().optional(),
  digest: z.string().optional(),
  state: z.string().optional(),
  tries: z.int().optional(),
  booted: z.boolean().optional(),
})

const OperationStatus = z.object({
  id: z.string().optional(),
  type: z.string().optional(),
  phase: z.string().optional(),
  bytesDone: z.int().optional(),
  bytesTotal: z.int().optional(),
  attempt: z.int().optional(),
  since: z.string().optional(),
  message: z.string().optional(),
  lastError: z.string().optional(),
})

const WaitingRestart = z.object({
  target: z.string().describe('A service, or node for a reboot.'),
  since: z.string(),
  paths: z.array(z.string()),
})

const SettingsDrift = z.object({
  model: z.string(),
  path: z.string(),
  key: z.string(),
  kind: z.string(),
  message: z.string(),
})

const SettingsStatus = z.object({
  changedAt: z.string().optional(),
  waiting: z.array(WaitingRestart).optional().describe('Written, and in force after a restart.'),
  drift: z.array(SettingsDrift).optional().describe('No longer as applied; at most 20.'),
  driftCount: z.int().optional(),
})

export const OsInstanceStatus = z.object({
  sysconfigs: Configs.optional(),
  upgradeconfigs: Configs.optional(),
  conditions: Conditions.optional(),
  slots: z.array(SlotStatus).optional(),
  operation: OperationStatus.optional(),
  agentVersion: z.string().optional(),
  settings: SettingsStatus.optional(),
})
