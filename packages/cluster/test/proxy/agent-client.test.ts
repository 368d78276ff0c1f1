// The client over a real unix socket, with a scripted agent: checklist C11 and C12, and broken
// peers.
import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createAgentClient } from '../../src/proxy/agent-client.ts'
import { renderConfigure, renderPrepare } from '../../src/proxy/agent-requests.ts'
import { makeAgent, makeOs, makeRecord } from './fixtures.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'kubenest-agent-'))
const socket = path.join(folder, 'os-agent.sock')
const requests: string[] = []
let stop: () => void = () => {}

afterEach(() => {
  stop()
  requests.length = 0
  rmSync(socket, { force: true })
})

/** Answers each connection with these parts, or closes it. */
function serve(...parts: string[]) {
  const server = Bun.listen({
    unix: socket,
    socket: {
      data: (peer, bytes) => {
        requests.push(bytes.toString())
        for (const part of parts) peer.write(part)
        if (parts.length === 0) peer.end()
      },
    },
  })
  stop = () => server.stop(true)
  return createAgentClient({ paths: [path.join(folder, 'missing.sock'), socket] })
}

/** What a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it did not reject')
}

const answer = (result: unknown) => JSON.stringify({ jsonrpc: '2.0', result, id: 1 })
const refusal = (code: number, message: string) =>
  `${JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: 1 })}\n`

describe('createAgentClient() requests (C12)', () => {
  test('createAgentClient() sends prepare_upgrade as one positional object in the documented order', async () => {
    const os = makeOs({ os: { imageurl: 'http://x/y', flagSafe: true, cacert: 'ca.pem' } })
    await serve(answer({ status: 'UpgradeReady' })).prepareUpgrade(renderPrepare(os, makeRecord()))
    const request = JSON.parse(requests.join('')) as { params: object[] }
    expect(request).toMatchObject({ jsonrpc: '2.0', method: 'prepare_upgrade', id: 1 })
    expect(request.params).toHaveLength(1)
    const documented = Object.entries(request.params[0] ?? {}).slice(0, 8)
    expect(documented).toEqual([
      ['version', 'KubeOS v2'],
      ['check_sum', 'ab'.repeat(32)],
      ['image_type', 'disk'],
      ['container_image', ''],
      ['image_url', 'http://x/y'],
      ['flag_safe', true],
      ['mtls', false],
      ['certs', { ca_cert: 'ca.pem', client_cert: '', client_key: '' }],
    ])
  })

  test('createAgentClient() sends upgrade and rollback with an empty array, or with extras where they are known', async () => {
    const client = serve(answer({ status: 'Upgraded' }))
    await client.upgrade(undefined)
    await client.rollback({ operation_id: 'op' })
    expect(requests.map((text) => (JSON.parse(text) as { params: unknown }).params)).toEqual([
      [],
      [{ operation_id: 'op' }],
    ])
    expect(requests[0]).not.toEndWith('\n')
  })

  test('renderConfigure() keeps order, fills in absent members and drops entries without contents', async () => {
    const params = renderConfigure({
      configs: [
        {
          model: 'kernel.sysctl',
          contents: [
            { key: 'b', value: 1 },
            { key: 'a' },
            { key: 'b', value: 2, operation: 'delete' },
          ],
        },
        { model: 'pam.limits' },
        { configpath: '/etc/x', contents: [] },
      ],
    })
    if (params === undefined) throw new Error('nothing to send')
    await serve(answer({ status: 'Configured' })).configure(params)
    const sent = JSON.parse(requests.join('')) as { params: unknown[] }
    expect(JSON.stringify(sent.params)).toBe(
      '[{"configs":[{"model":"kernel.sysctl","config_path":"","contents":{"b":{"value":2,"operation":"delete"},"a":{"value":null,"operation":""}}},{"model":"","config_path":"/etc/x","contents":{}}]}]',
    )
    expect(renderConfigure({ configs: [{ model: 'x' }] })).toBeUndefined()
    expect(renderConfigure(undefined)).toBeUndefined()
    const one = { configs: [{ model: 'x', contents: [] }] }
    expect(renderConfigure(one)).not.toHaveProperty('restart')
    expect(renderConfigure(one, true)).toHaveProperty('restart', true)
  })
})

describe('createAgentClient() answers (C11)', () => {
  test('createAgentClient() takes an answer in parts, with or without a newline', async () => {
    const text = answer({ status: 'UpgradeReady', note: 'brackets ]} in "strings"' })
    await serve(text.slice(0, 20), `${text.slice(20)}\n`)
      .upgrade(undefined)
      .catch((error: Error) => {
        expect(error.message).toContain('invalid response to upgrade')
      })
    stop()
    rmSync(socket, { force: true })
    await serve(answer({ status: 'Upgraded' })).upgrade(undefined)
    expect(requests).toHaveLength(2)
  })

  test('createAgentClient() says that the socket cannot be reached', async () => {
    const client = createAgentClient({
      paths: [path.join(folder, 'a.sock'), path.join(folder, 'b.sock')],
    })
    expect(await errorOf(client.status())).toMatchObject({
      kind: 'transient',
      code: 'agent-unreachable',
      message: expect.stringContaining('Cannot connect to the agent socket') as string,
    })
  })

  test.each([
    [
      'our errors by kind and code',
      refusal(-1, '[integrity/image-digest-mismatch] Cannot use it'),
      { kind: 'integrity', code: 'image-digest-mismatch', message: 'Cannot use it' },
    ],
    [
      "upstream's text as it is",
      refusal(-1, 'top\n\nCaused by:\n    deep'),
      { kind: 'host', code: 'agent-error', message: 'top\n\nCaused by:\n    deep' },
    ],
    [
      'a missing method',
      refusal(-32601, 'Method not found'),
      { code: 'method-not-found', message: 'not implemented' },
    ],
    ['refused parameters', refusal(-32602, 'Invalid params: x'), { kind: 'invalid' }],
    [
      "the agent's bugs as the host's",
      refusal(-1, '[bug/assertion-failed] oops'),
      { kind: 'host' },
    ],
    [
      'an error that is none',
      '{"jsonrpc":"2.0","error":null,"id":1}',
      { code: 'agent-answer-unreadable' },
    ],
    [
      'no JSON',
      'hello',
      {
        code: 'agent-answer-unreadable',
        message: expect.stringContaining('failed to parse') as string,
      },
    ],
    [
      'another word',
      answer({ status: 'Fine' }),
      {
        code: 'agent-answer-invalid',
        message: expect.stringContaining('invalid response') as string,
      },
    ],
    ['a null result', answer(null), { code: 'agent-answer-invalid' }],
  ])('createAgentClient() reads %s', async (_name, text, error) => {
    expect(await errorOf(serve(text).upgrade(undefined))).toMatchObject(error)
  })

  test('createAgentClient() tells a connection that was closed', async () => {
    expect(await errorOf(serve().upgrade(undefined))).toMatchObject({ code: 'socket-closed' })
  })

  test('createAgentClient() takes a missing additive method for a capability that is absent', async () => {
    const client = serve(refusal(-32601, 'Method not found'))
    expect(await client.status()).toBeUndefined()
    await client.report({ ready: true })
    await client.cancel()
    expect(requests).toHaveLength(3)
  })

  test('createAgentClient() fills in what a status lacks and refuses one without a boot id', async () => {
    const { slots: _slots, degraded: _degraded, ...short } = makeAgent()
    expect(await serve(answer(short)).status()).toMatchObject({
      bootId: 'boot-1',
      slots: [],
      degraded: [],
    })
    stop()
    rmSync(socket, { force: true })
    expect(await errorOf(serve(answer({ agentVersion: '1' })).status())).toMatchObject({
      code: 'agent-answer-invalid',
    })
  })
})
