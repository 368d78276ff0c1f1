// One call of the agent, as the documented client makes it: a request without newline, one answer.
import * as net from 'node:net'

/** Sends `prepare_upgrade` and waits for its answer; throws when it is not UpgradeReady. */
export async function prepareUpgrade(
  socketPath: string,
  image: { url: string; digest: string; version: string },
): Promise<void> {
  const params = {
    version: image.version,
    check_sum: image.digest,
    image_type: 'disk',
    container_image: '',
    image_url: image.url,
    flag_safe: true,
    mtls: false,
    certs: { ca_cert: '', client_cert: '', client_key: '' },
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
