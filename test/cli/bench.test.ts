/** `bench --profile`; what it measures is of no concern here. */
import { describe, expect, test } from 'vitest'
import type { Profiled } from '../../lib/cli/profile.js'
import { googlenet, jsonLines } from './command.js'

const small = ['bench', '--profile', '--image-size', '64', '--batch-size', '2', '--precision', 'fp32']
const onCpu = [...small, '--device', 'cpu', '--threads', '1']

describe('bench --profile', () => {
  test('prints the kinds of steps, slowest first, each step, and both totals', async () => {
    const args = [...onCpu, '--mode', 'inference', '--layers', '--peak-tflops', '0.1', '--bandwidth', '0.02']
    const { code, stdout, stderr } = await googlenet(args)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toContain('inference, fp32, cpu, batch 2\n')
    expect(stdout).toContain('limits: 0.1 TFLOP/s, 20 GB/s')
    expect(stdout).toMatch(/^operation +count +ms +share +GFLOP +MB +limit ms +of limit$/m)
    expect(stdout).toMatch(/^convolution +56( +[\d.]+){2} % +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ %$/m)
    expect(stdout).toMatch(/^convolution +stem_conv\.0 +1 /m)
    expect(stdout).toMatch(/^One by one they take [\d.]+ ms, as they run usually [\d.]+ ms/m)
    const kinds = stdout.split('\n\n')[2]!.split('\n').slice(2, -1)
    const times = kinds.map((line) => Number(/^[a-z ]+ \d+ +([\d.]+) /.exec(line)?.[1]))
    expect(times).toEqual(times.toSorted((a, b) => b - a))
    expect(times).toHaveLength(6)
  })

  test('speaks JSON', async () => {
    const ended = await googlenet([...onCpu, '--mode', 'training', '--json'])
    expect(ended.code, ended.stderr).toBe(0)
    const [{ imageSize, profiles } = {}] = jsonLines(ended) as { imageSize?: number; profiles?: Profiled[] }[]
    expect(imageSize).toBe(64)
    expect(profiles).toHaveLength(1)
    const [{ work, images, peaks, kinds, steps, seconds, whole }] = profiles as [Profiled]
    expect([work, images]).toEqual(['training', 2])
    expect(kinds.reduce((sum, { count }) => sum + count, 0)).toBe(steps.length)
    expect(kinds.reduce((sum, kind) => sum + kind.seconds, 0)).toBeCloseTo(seconds, 9)
    expect(kinds.map(({ operation }) => operation)).toContain('convolution backward weights')
    for (const { flops, bytes, limit } of steps) {
      expect(limit).toBe(Math.max(flops / peaks!.flops, bytes / peaks!.bandwidth))
    }
    expect(whole).toBeGreaterThan(0)
  })

  test.each([
    [['--mode', 'both'], '--mode must be one of'],
    [['--peak-tflops', '0'], '--peak-tflops must be a number from 0.001'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await googlenet([...onCpu, ...args])
    expect(code).not.toBe(0)
    expect(stderr).toContain(message)
  })

  test.each([['--layers'], ['--peak-tflops', '1'], ['--bandwidth', '1']])('goes with %s', async (...args) => {
    const { code, stderr } = await googlenet(['bench', ...args])
    expect(code).not.toBe(0)
    expect(stderr).toContain('error ERR_GOOGLENET_OPTION')
    expect(stderr).toContain('add it or leave them out')
  })
})
