import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { GoogLeNet, type Prediction } from 'googlenet'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createService, type ServiceOptions } from '../../examples/service/server.js'
import { packageRoot } from '../../lib/packageRoot.js'
import { remove, temporaryFolder } from '../cli/command.js'
import { startExample } from './run.js'

type Bytes = Uint8Array<ArrayBuffer>

let folder = ''
let net: GoogLeNet
let pictures: Bytes[] = []
let expected: Prediction[][] = []
beforeAll(async () => {
  folder = await temporaryFolder()
  net = await GoogLeNet.create({ classes: ['clock', 'flag', 'plant'], imageSize: 64, seed: 3 })
  const faces = join(packageRoot, 'data/emoji/test/face')
  const names = (await readdir(faces)).sort().slice(0, 20)
  pictures = await Promise.all(names.map(async (name) => new Uint8Array(await readFile(join(faces, name)))))
  expected = await net.classify(pictures)
})
afterAll(async () => {
  net.dispose()
  await remove(folder)
})

let app: FastifyInstance | undefined
afterEach(() => app?.close())

/** Starts the service in this process. @returns Its address. */
async function serve(options: Partial<ServiceOptions> = {}): Promise<string> {
  const defaults = { maxBatch: 8, maxWait: 20, maxInFlight: 64, maxBytes: 2 ** 20 }
  app = createService(net, { ...defaults, ...options })
  return app.listen({ host: '127.0.0.1', port: 0 })
}

function post(address: string, body: Bytes | string, type = 'image/jpeg', query = ''): Promise<Response> {
  return fetch(`${address}/classify${query}`, { method: 'POST', body, headers: { 'content-type': type } })
}

async function metric(address: string, line: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text()
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(`${line} `))
      ?.split(' ')[1],
  )
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function expectAnswer(response: Response, index: number): Promise<void> {
  expect(response.status).toBe(200)
  const { predictions } = (await response.json()) as { predictions: Prediction[] }
  expect(predictions.map(({ label }) => label)).toEqual(expected[index]!.map(({ label }) => label))
  for (const [i, { probability }] of predictions.entries()) {
    expect(probability).toBeCloseTo(expected[index]![i]!.probability, 5)
  }
}

describe('batches', () => {
  test('are formed of concurrent requests, whose answers are those of classify', async () => {
    const address = await serve()
    const responses = await Promise.all(pictures.map((picture) => post(address, picture)))
    for (const [i, response] of responses.entries()) await expectAnswer(response, i)
    const batches = await metric(address, 'googlenet_batch_size_count')
    expect(await metric(address, 'googlenet_batch_size_sum')).toBe(pictures.length)
    expect(batches).toBeGreaterThanOrEqual(Math.ceil(pictures.length / 8))
    expect(batches).toBeLessThan(pictures.length)
    expect(await metric(address, 'googlenet_requests_total{status="200"}')).toBe(pictures.length)
  })

  test('do not wait to be full: one picture is answered too', async () => {
    const address = await serve({ maxBatch: 64 })
    await expectAnswer(await post(address, pictures[0]!), 0)
    const response = await post(address, pictures[1]!, 'application/octet-stream', '?top=1')
    expect(((await response.json()) as { predictions: unknown[] }).predictions).toHaveLength(1)
  })
})

describe('bad input', () => {
  test('a broken picture is answered with its code, and the others of its batch with what they show', async () => {
    const address = await serve({ maxBatch: 5, maxWait: 10_000 })
    const sent = [
      pictures[0]!,
      new TextEncoder().encode('no picture'),
      pictures[2]!,
      new Uint8Array(),
      pictures[4]!,
    ]
    const responses = await Promise.all(sent.map((picture) => post(address, picture)))
    for (const [i, response] of responses.entries()) {
      if (i % 2 === 0) await expectAnswer(response, i)
      else {
        expect(response.status).toBe(400)
        expect(await response.json()).toMatchObject({ code: 'ERR_GOOGLENET_PICTURE' })
      }
    }
    expect(await metric(address, 'googlenet_batch_size_count')).toBe(1)
  })

  test.each([
    ['another type', 415, () => ({ type: 'application/json', body: '{}' })],
    ['more bytes than are taken', 413, () => ({ type: 'image/png', body: new Uint8Array(2 ** 20 + 1) })],
    ['a wrong query', 400, () => ({ type: 'image/jpeg', body: pictures[0]!, query: '?top=none' })],
  ])('%s is refused with %d', async (_what, status, request) => {
    const address = await serve()
    const { type, body, query }: { type: string; body: string | Bytes; query?: string } = request()
    const response = await post(address, body, type, query)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/) })
  })

  test('no body is refused, and spoils no batch', async () => {
    const address = await serve()
    const empty = fetch(`${address}/classify`, { method: 'POST' })
    await expectAnswer(await post(address, pictures[0]!), 0)
    expect((await empty).status).toBe(415)
  })
})

test('too many requests are sent away with 503 and Retry-After; those accepted get their answers', async () => {
  const address = await serve({ maxBatch: 64, maxWait: 300, maxInFlight: 4 })
  const responses = await Promise.all(pictures.map((picture) => post(address, picture)))
  const accepted = [...responses.keys()].filter((i) => responses[i]!.status === 200)
  expect(accepted).toHaveLength(4)
  for (const i of accepted) await expectAnswer(responses[i]!, i)
  const refused = responses.filter(({ status }) => status === 503)
  expect(refused).toHaveLength(pictures.length - 4)
  for (const response of refused) {
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.json()).toMatchObject({ code: 'ERR_OVERLOADED' })
  }
  expect(await metric(address, 'googlenet_requests_total{status="503"}')).toBe(refused.length)
  await until(async () => (await metric(address, 'googlenet_requests_in_flight')) === 0)
  await expectAnswer(await post(address, pictures[5]!), 5)
})

test('a client that goes away gives its place free', async () => {
  const address = await serve({ maxBatch: 64, maxWait: 2000, maxInFlight: 1 })
  const gone = new AbortController()
  const request = { method: 'POST', body: pictures[0]!, headers: { 'content-type': 'image/jpeg' } }
  const aborted = fetch(`${address}/classify`, { ...request, signal: gone.signal })
  const rejected = expect(aborted).rejects.toThrow()
  await until(async () => (await metric(address, 'googlenet_requests_in_flight')) === 1)
  gone.abort()
  await rejected
  await until(async () => (await metric(address, 'googlenet_requests_in_flight')) === 0)
  await expectAnswer(await post(address, pictures[1]!), 1)
  expect(await metric(address, 'googlenet_batch_size_sum')).toBe(1)
})

test('SIGTERM under load: what was accepted is answered, then the process ends', async () => {
  const model = join(folder, 'model.safetensors')
  await net.save(model)
  // A long wait keeps the requests unanswered until the signal has come.
  const batching = ['--max-batch', '64', '--max-wait', '1500']
  const service = startExample('service/main.ts', [model, '--port', '0', ...batching])
  let output = ''
  service.child.stdout!.on('data', (text: string) => {
    output += text
  })
  await service.shows('listening on ')
  const address = output.match(/http:\S+/)![0]
  expect(await (await fetch(`${address}/health`)).json()).toMatchObject({ status: 'ok', device: 'cpu' })
  const load = pictures.map((picture) => post(address, picture))
  await until(async () => (await metric(address, 'googlenet_requests_in_flight')) === pictures.length)
  service.child.kill('SIGTERM')
  await service.shows('answering what was accepted')
  const late = await post(address, pictures[0]!).then(
    ({ status }) => status,
    () => 'no connection',
  )
  expect([503, 'no connection']).toContain(late)
  for (const [i, response] of (await Promise.all(load)).entries()) await expectAnswer(response, i)
  const { code, stdout, stderr } = await service.ended
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(stdout).toContain('closed')
})
