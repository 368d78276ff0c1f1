// Contract 4.2 and the golden samples of appendix B.3, without a socket.
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { OsError } from '@kubenest/base/errors'
import { answerMessage, type MethodAnswer } from './answer-message.ts'
import { checkConfigureParams, checkExtras, checkPrepareParams } from './check-params.ts'
import { BATCH_LENGTH_MAX } from './parse-request.ts'

const CALLER = { pid: 7, uid: 0 }
const ran: string[] = []
const method = (name: string, work: (params: unknown) => unknown) =>
  [
    name,
    async (params: unknown): Promise<MethodAnswer> => {
      ran.push(name)
      return { result: work(params) }
    },
  ] as const
const methods = new Map([
  method('upgrade', (params) => ({ status: 'Upgraded', extras: checkExtras(params) })),
  method('prepare_upgrade', (params) => ({ seen: checkPrepareParams(params) })),
  method('configure', (params) => ({ seen: checkConfigureParams(params) })),
  method('fail', () => {
    throw new OsError('host', { code: 'command-failed', message: 'Cannot x: a\n\nCaused by:\n  b' })
  }),
  method('break', () => {
    throw new TypeError('undefined is not a function')
  }),
])

async function answer(value: unknown): Promise<unknown> {
  const { line } = await answerMessage(value, methods, CALLER)
  if (line === undefined) return undefined
  expect(line.indexOf('\n')).toBe(line.length - 1)
  return JSON.parse(line) as unknown
}

const call = (name: string, params?: unknown, id: unknown = 1) => ({
  jsonrpc: '2.0',
  method: name,
  ...(params === undefined ? {} : { params }),
  id,
})
const fault = (code: number, message: string, id: unknown = 1) => ({
  jsonrpc: '2.0',
  error: { code, message },
  id,
})

const prepare = {
  version: 'KubeOS v2',
  check_sum: 'aa',
  image_type: 'disk',
  container_image: '',
  image_url: 'https://h/x',
  flag_safe: false,
  mtls: true,
  certs: { ca_cert: 'ca', client_cert: 'cc', client_key: 'ck' },
}

describe('answerMessage()', () => {
  test.each([1, 0, -1.5, 'text', '', null])('echoes the id %j', async (id) => {
    expect(await answer(call('upgrade', [], id))).toMatchObject({
      id,
      result: { status: 'Upgraded' },
    })
  })

  test('takes upgrade without params, with null and with an empty array', async () => {
    for (const params of [undefined, null, []])
      expect(await answer(call('upgrade', params))).toMatchObject({
        result: { status: 'Upgraded' },
      })
  })

  test.each([
    [null],
    [1],
    ['x'],
    [true],
    [[]],
    [{ jsonrpc: '2.0', id: 1 }],
    [{ jsonrpc: '2.0', method: 7, id: 1 }],
    [{ ...call('upgrade'), extra: 1 }],
    [{ ...call('upgrade'), params: 'x' }],
    [{ ...call('upgrade'), id: {} }],
    [{ ...call('upgrade'), id: [1] }],
    [{ ...call('upgrade'), id: true }],
  ])('refuses %j as an invalid request', async (value) => {
    const told = (await answer(value)) as { error: unknown }
    expect(told.error).toEqual({ code: -32600, message: 'Invalid request' })
  })

  test('names the version that it does not speak', async () => {
    for (const jsonrpc of ['1.0', 2, undefined]) {
      const told = await answer({ ...call('upgrade'), jsonrpc })
      expect(told).toMatchObject({
        error: { code: -32600, message: expect.stringContaining('version') as string },
        id: 1,
      })
    }
  })

  test('says Method not found in exactly these words', async () => {
    for (const name of ['Upgrade', '', 'constructor', '__proto__', 'toString'])
      expect(await answer(call(name))).toEqual(fault(-32601, 'Method not found'))
  })

  test('gives failures of a method code -1, a message with kind and code, and no data', async () => {
    const text = '[host/command-failed] Cannot x: a\n\nCaused by:\n  b'
    expect(await answer(call('fail'))).toEqual(fault(-1, text))
    expect(await answer(call('break'))).toEqual(
      fault(-1, '[bug/unexpected-error] undefined is not a function'),
    )
  })

  test('hands a broken assumption on, so that the program ends once it is answered', async () => {
    expect((await answerMessage(call('break'), methods, CALLER)).bug).toMatchObject({ kind: 'bug' })
    expect((await answerMessage(call('fail'), methods, CALLER)).bug).toBeUndefined()
  })

  test('runs nothing for a notification and answers nothing', async () => {
    ran.length = 0
    expect(await answer({ jsonrpc: '2.0', method: 'upgrade' })).toBeUndefined()
    expect(await answer([{ jsonrpc: '2.0', method: 'upgrade' }])).toBeUndefined()
    expect(ran).toEqual([])
  })

  test('answers a batch with an array, without its notifications, and refuses a long one', async () => {
    const batch = [
      call('upgrade', [], 'a'),
      { jsonrpc: '2.0', method: 'upgrade' },
      7,
      call('x', [], 'b'),
    ]
    expect(await answer(batch)).toMatchObject([
      { id: 'a', result: {} },
      { id: null, error: { code: -32600 } },
      { id: 'b', error: { code: -32601 } },
    ])
    const long = Array.from({ length: BATCH_LENGTH_MAX + 1 }, () => call('upgrade'))
    expect(await answer(long)).toEqual(fault(-32600, 'Invalid request', null))
  })

  test.each([
    [{}, 'positional'],
    [[], 'exactly one object'],
    [[prepare, prepare], 'exactly one object'],
    [['x'], '"params[0]"'],
    [[{ ...prepare, version: 1 }], '"version" must be a string'],
    [[{ ...prepare, flag_safe: 'true' }], '"flag_safe" must be true or false'],
    [[{ ...prepare, certs: null }], '"certs" must be an object'],
    [[{ ...prepare, certs: { ca_cert: '' } }], '"certs.client_cert" is missing'],
    [[{ ...prepare, health: { policy: 'x', deadlineSeconds: 1 } }], 'health.policy'],
    [[{ ...prepare, health: { policy: 'Local', deadlineSeconds: '1' } }], 'health.deadlineSeconds'],
    [[{ ...prepare, operation_id: 7 }], '"operation_id" must be a string'],
    [[{ ...prepare, operation_id: 'x'.repeat(129) }], '"operation_id" must be 1 to 128'],
    [[{ ...prepare, operation_id: '' }], '"operation_id" must be 1 to 128'],
    [[{ ...prepare, attempt: 'a\nb' }], '"attempt" must be 1 to 128'],
  ])('refuses prepare_upgrade with %j, naming what is wrong', async (params, text) => {
    expect(await answer(call('prepare_upgrade', params))).toMatchObject({
      error: { code: -32602, message: expect.stringMatching(/^Invalid params/) as string },
    })
    expect(await answer(call('prepare_upgrade', params))).toMatchObject({
      error: { message: expect.stringContaining(text) as string },
    })
  })

  test('refuses prepare_upgrade without any one of its members', async () => {
    for (const member of Object.keys(prepare)) {
      const rest = Object.fromEntries(Object.entries(prepare).filter(([name]) => name !== member))
      expect(await answer(call('prepare_upgrade', [rest]))).toMatchObject({
        error: { code: -32602, message: `Invalid params: member "${member}" is missing` },
      })
    }
  })

  test('golden 1: takes the documented prepare_upgrade and ignores unknown members', async () => {
    expect(await answer(call('prepare_upgrade', [{ ...prepare, new_member: 1 }]))).toEqual({
      jsonrpc: '2.0',
      result: { seen: prepare },
      id: 1,
    })
  })

  test('golden 2: takes configure with two models and values of every type', async () => {
    const value = (each: unknown) => ({ value: each, operation: '' })
    const contents = {
      a: value('x'),
      b: value(1),
      c: value(1.5),
      d: value(true),
      e: value(null),
      f: value([1]),
    }
    const configs = [
      { model: 'kernel.sysctl', config_path: '', contents: {} },
      { model: 'kernel.sysctl.persist', config_path: '/etc/x.conf', contents },
    ]
    expect(await answer(call('configure', [{ configs }]))).toMatchObject({
      result: { seen: { configs } },
    })
  })

  test('copies a content named __proto__ as a plain entry', async () => {
    const text =
      '{"model":"m","config_path":"","contents":{"__proto__":{"value":1,"operation":""}}}'
    const entry: unknown = JSON.parse(text)
    const told = await answer(call('configure', [{ configs: [entry] }]))
    expect(JSON.stringify(told)).toContain('"__proto__":{"value":1')
    expect(({} as Record<string, unknown>)['value']).toBeUndefined()
  })

  test.each([
    [[{}], '"configs" is missing', 'must be an array'],
    [[{ configs: {} }], 'must be an array', ''],
    [[{ configs: [1] }], '"configs[0]" must be an object', ''],
    [
      [{ configs: [{ model: 'm', config_path: '', contents: { k: { operation: '' } } }] }],
      '.value" is missing',
      '',
    ],
    [
      [{ configs: [{ model: 'm', config_path: '', contents: { k: { value: 1 } } }] }],
      '.operation" is missing',
      '',
    ],
    [[{ configs: [{ model: 'm', contents: {} }] }], 'config_path" is missing', ''],
  ])('refuses configure with %j', async (params, text, other) => {
    const told = (await answer(call('configure', params))) as {
      error: { code: number; message: string }
    }
    expect(told.error.code).toBe(-32602)
    expect([text, other].some((each) => each !== '' && told.error.message.includes(each))).toBe(
      true,
    )
  })

  test('never throws and always answers in form, whatever the value is', async () => {
    const names = fc.constantFrom('upgrade', 'prepare_upgrade', 'configure', 'fail', 'other')
    const request = fc.record(
      {
        jsonrpc: fc.constantFrom('2.0', '1.0', 2),
        method: fc.oneof(names, fc.jsonValue()),
        params: fc.jsonValue(),
        id: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(request, fc.array(request), fc.jsonValue()), async (value) => {
        for (const each of [(await answer(value)) ?? []].flat())
          expect(Object.keys(each).join(' ')).toMatch(/^jsonrpc (?:result|error) id$/)
      }),
      { numRuns: 3000 },
    )
  }, 60_000)
})
