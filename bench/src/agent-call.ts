// One call of the agent, as the documented client makes it: a request without newline, one answer.
import * as net from 'node:net'

/** An image on a server. */
export interface ServedImage {
  readonly url: string
  /** Of the bytes on the wire. */
  readonly digest: string
  readonly version: string
  /** File of the node's folder of certificates, for https. */
  readonly ca?: string
}

/** Asks for the state of the node, which is the first thing a proxy does. */
export async function askStatus(socketPath: string): Promise<void> {
  const request = { jsonrpc: '2.0', method: 'status', params: [], id: 1 }
  const answer = await exchange(socketPath, JSON.stringify(request))
  if (!answer.includes('"agentVersion"')) throw new Error(`The agent answered ${answer}`)
}

/** Sends `prepare_upgrade` and waits for its answer; throws when it is not UpgradeReady. */
export async function prepareUpgrade(socketPath: string, image: ServedImage): Promise<void> {
  const params = {
    version: image.version,
    check_sum: image.digest,
    image_type: 'disk',
    container_image: '',
    image_url: image.url,
    flag_safe: true,
    mtls: false,
    certs: { ca_cert: image.ca ?? '', client_cert: '', client_key: '' },
  }
  const request = { jsonrpc: '2.0', method: 'prepare_upgrade', params: [params], id: 1 }
  const answer = await exchange(socketPath, JSON.stringify(request))
  if (!answer.includes('"UpgradeReady"')) throw new Error(`The agent answered ${answer}`)
}

async function exchange(socketPath: string, text: string): Promise<string> {
  const socket = net.connect(socketPath)
  try {
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    socket.write(text)
    let answer = ''
    for await (const chunk of socket) {
      answer += String(chunk)
      if (answer.includes('\n')) break
    }
    return answer
  } finally {
    socket.destroy()
  }
}
