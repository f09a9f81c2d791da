import fastify, { type FastifyInstance } from 'fastify'
import { type GoogLeNet, GoogLeNetError } from 'googlenet'
import { Batcher, type BatchingOptions } from './batcher.js'
import { Metrics } from './metrics.js'

export interface ServiceOptions extends Omit<BatchingOptions, 'onBatch'> {
  /** Requests that are accepted at a time; more are sent away with 503 before their pictures are read. */
  maxInFlight: number
  /** Bytes of a picture, at most; larger ones are answered with 413. */
  maxBytes: number
}

const pictureTypes = ['image/jpeg', 'image/png', 'application/octet-stream']

/** POST /classify?top=5 with the bytes of a JPEG or PNG; GET /health; GET /metrics. The caller owns the network. */
export function createService(net: GoogLeNet, options: ServiceOptions): FastifyInstance {
  const metrics = new Metrics()
  const batcher = new Batcher(net, { ...options, onBatch: (size) => metrics.batchSize.observe(size) })
  const app = fastify({ bodyLimit: options.maxBytes, requestTimeout: 30_000 })
  app.addHook('onClose', () => batcher.close()) // what clients that went away have left behind
  let inFlight = 0
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close') // otherwise closing waits until the client hangs up
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(pictureTypes, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  app.setErrorHandler((error: Error & { code?: string; statusCode?: number }, _request, reply) => {
    const isPicture = error instanceof GoogLeNetError && error.code === 'ERR_GOOGLENET_PICTURE'
    const status = isPicture ? 400 : (error.statusCode ?? 500)
    if (status >= 500 && !reply.raw.destroyed) console.error(error) // nobody hears of one who went away
    const message = status === 500 ? 'the service failed' : error.message
    return reply.code(status).send({ code: error.code ?? 'ERR_INTERNAL', message })
  })

  app.post<{ Body: Buffer | undefined; Querystring: { top: number } }>('/classify', {
    schema: {
      querystring: {
        type: 'object',
        properties: { top: { type: 'integer', minimum: 1, default: 5 } },
      },
    },
    onRequest: async (_request, reply) => {
      if (inFlight >= options.maxInFlight) {
        const message = `${inFlight} requests are being answered; try again later`
        return reply.code(503).header('retry-after', '1').send({ code: 'ERR_OVERLOADED', message })
      }
      metrics.inFlight.set(++inFlight)
      // Of the connection's end too: a client that goes away gives its place free.
      reply.raw.once('close', () => metrics.inFlight.set(--inFlight))
    },
    onResponse: async (_request, reply) => {
      metrics.requests.inc({ status: reply.statusCode })
      metrics.seconds.observe(reply.elapsedTime / 1000)
    },
    handler: async ({ body, query }, reply) => {
      if (!(body instanceof Uint8Array)) {
        const message = `send the bytes of a picture as ${pictureTypes.join(', ')}`
        return reply.code(415).send({ code: 'ERR_CONTENT_TYPE', message })
      }
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const predictions = await batcher.classify(body, gone.signal)
      return { predictions: predictions.slice(0, query.top) }
    },
  })

  app.get('/health', async () => ({
    status: 'ok', // while it closes, every request is answered with 503
    device: net.options.device,
    waiting: batcher.waiting,
  }))

  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))

  return app
}
