/** What bench/service.ts uses of autocannon, which comes without types. */
declare module 'autocannon' {
  interface Options {
    url: string
    connections: number
    /** Seconds. */
    duration: number
    method: 'POST'
    body: Uint8Array
    headers: Record<string, string>
  }
  interface Result {
    /** A second. */
    requests: { average: number }
    /** Milliseconds. */
    latency: { p50: number; p99: number }
    non2xx: number
    errors: number
  }
  export default function autocannon(options: Options): Promise<Result>
}
