// A program for the kernel's system call filter that hands chosen calls to a supervisor and lets
// all others pass. Pure: calls in, bytes out.
import type { SystemCall } from './system-calls.ts'

const LOAD_WORD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_BITS = 0x45
const AND = 0x54
const RETURN = 0x06
const ALLOW = 0x7fff0000
const NOTIFY = 0x7fc00000
const NUMBER_AT = 0
const ARCHITECTURE_AT = 4
const ARGUMENTS_AT = 16
const X86_64 = 0xc000003e
const INSTRUCTION_BYTES = 8

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number]

/** The filter's instructions, as the kernel wants them. */
export function renderFilter(calls: readonly SystemCall[]): Uint8Array {
  const instructions: Instruction[] = [
    [LOAD_WORD, 0, 0, ARCHITECTURE_AT],
    [JUMP_EQUAL, 1, 0, X86_64],
    [RETURN, 0, 0, ALLOW],
    [LOAD_WORD, 0, 0, NUMBER_AT],
    ...calls.flatMap(instructionsFor),
    [RETURN, 0, 0, ALLOW],
  ]
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [index, [code, ifTrue, ifFalse, value]] of instructions.entries()) {
    const at = index * INSTRUCTION_BYTES
    view.setUint16(at, code, true)
    view.setUint8(at + 2, ifTrue)
    view.setUint8(at + 3, ifFalse)
    view.setUint32(at + 4, value, true)
  }
  return bytes
}

/** One call: skipped when the number is another one, decided when it is this one. */
function instructionsFor({ number, bits, equals }: SystemCall): Instruction[] {
  const decision = decide(bits, equals)
  return [[JUMP_EQUAL, 0, decision.length, number], ...decision]
}

function decide(bits: SystemCall['bits'], equals: SystemCall['equals']): Instruction[] {
  const end: Instruction[] = [
    [RETURN, 0, 0, NOTIFY],
    [RETURN, 0, 0, ALLOW],
  ]
  if (bits !== undefined) return [loadArgument(bits.argument), [JUMP_BITS, 0, 1, bits.mask], ...end]
  if (equals === undefined) return [[RETURN, 0, 0, NOTIFY]]
  const masked: Instruction = [AND, 0, 0, equals.mask]
  return [loadArgument(equals.argument), masked, [JUMP_EQUAL, 0, 1, equals.value], ...end]
}

/** The lower half of an argument; flags and commands fit in it. */
function loadArgument(argument: number): Instruction {
  return [LOAD_WORD, 0, 0, ARGUMENTS_AT + 8 * argument]
}
