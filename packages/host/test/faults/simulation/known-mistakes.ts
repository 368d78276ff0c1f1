// Mistakes that such systems have really had. Each is planted into the shipped source, and the
// simulation must find it, or it proves nothing.

export interface KnownMistake {
  readonly name: string
  /** Below packages/. */
  readonly file: string
  readonly right: string
  readonly wrong: string
}

export const KNOWN_MISTAKES: readonly KnownMistake[] = [
  {
    name: 'the selector is written and not flushed',
    file: 'host/src/agent/bootloader/boot-environment.ts',
    right: 'await handle.write(block, 0)\n    await handle.sync()',
    wrong: 'await handle.write(block, 0)',
  },
  {
    name: 'a slot is written before its good record is withdrawn',
    file: 'host/src/agent/update/prepare-slot.ts',
    right: "slots[operation.target] = { state: 'writing' }",
    wrong: '',
  },
  {
    name: 'the new slot is switched to for good before it has run',
    file: 'host/src/agent/update/arm-slot.ts',
    right: 'saved_entry: isForGood ? operation.target : facts.booted',
    wrong: 'saved_entry: operation.target',
  },
  {
    name: 'a fallback does not count',
    file: 'host/src/agent/update/tries.ts',
    right: 'failures: record.failures + 1',
    wrong: 'failures: record.failures',
  },
  {
    name: 'both journal records are at one place',
    file: 'host/src/agent/update/journal.ts',
    right: 'records[0] === newest ? 1 : 0',
    wrong: 'records[0] === newest ? 0 : 0',
  },
  {
    name: 'a commit is believed because it reads as done',
    file: 'host/src/agent/update/trial.ts',
    right: 'await context.environment.change({\n    saved_entry: facts.booted,',
    wrong:
      "if (facts.environment.get('saved_entry') !== facts.booted) await context.environment.change({\n    saved_entry: facts.booted,",
  },
  {
    name: 'whatever runs is committed without a look',
    file: 'host/src/agent/update/judge-health.ts',
    right: 'if (redLooks >= RED_LOOKS) return',
    wrong:
      "if (redLooks >= RED_LOOKS) return { kind: 'commit', notes: [] }\n  if (redLooks < 0) return",
  },
  {
    name: 'the digest of a slot is not compared before it is armed',
    file: 'host/src/agent/update/arm-slot.ts',
    right: 'await context.backend.check(facts.slots, operation.target, recordOf(slot))',
    wrong: '',
  },
]
