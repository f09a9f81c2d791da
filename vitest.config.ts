import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The addon keeps threads and process-wide state, so each file runs in a process of its own.
    pool: 'forks',
    // Two files at a time, with waiting OpenMP threads asleep: spinning ones would starve the other file's.
    maxWorkers: 2,
    env: { OMP_WAIT_POLICY: 'passive' },
    // Without a terminal the reporter lists every test that is slower, by default than 300 ms.
    slowTestThreshold: 30_000,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
