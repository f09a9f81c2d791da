import { describe, expect, test } from 'vitest'
import { renderReport } from '../../lib/report/page.js'
import type { RunReport } from '../../lib/report/run.js'
import { evaluationOf, exampleEvaluation, exampleEvents, historyOf } from './example.js'

const bare: RunReport = {
  title: 'GoogLeNet on pictures',
  subtitle: 'Ten classes',
  state: 'done',
  written: new Date('2025-03-04T05:06:07Z'),
  configuration: [['epochs', '8']],
  environment: [['CPU', 'one of them']],
}
const mistake = { name: 'test/clock/a.jpg', index: 7, label: 2, predicted: 4, probability: 0.97 }
const report = exampleEvaluation({ mistakes: [mistake], skipped: [{ name: 'x.jpg', reason: 'truncated' }] })
const whole: RunReport = {
  ...bare,
  history: historyOf(exampleEvents({ report })),
  evaluation: { on: '885 pictures kept for validation', report },
  pictures: new Map([[7, 'data:image/jpeg;base64,AAAA']]),
  filters: { shape: [64, 3, 7, 7], data: new Float32Array(64 * 3 * 49).fill(0.5) },
}

describe('the page', () => {
  const page = renderReport(whole)

  test('needs no network: nothing but data addresses, and a policy that says so', () => {
    const addresses = [...page.matchAll(/\b(?:src|href)="([^"]*)"/g)].map((match) => match[1]!)
    expect(addresses.length).toBeGreaterThan(1)
    for (const address of addresses) expect(address).toMatch(/^data:image\/(png|jpeg);base64,/)
    expect(page).not.toMatch(/@import|url\(/)
    expect(page).toContain('Content-Security-Policy')
  })

  test('shows the figures as measured', () => {
    expect(page).toContain(`${(report.top1 * 100).toFixed(1)} %`)
    expect(page).toContain('of 885 pictures kept for validation')
    expect(page).toContain('8 of 8')
    expect(page).toContain('face, 97 %')
    expect(page).toContain('is clock')
    expect(page).toContain('data:image/jpeg;base64,AAAA')
  })

  test('names the pictures that training and evaluation skipped', () => {
    expect(page).toContain('2 skipped pictures')
    expect(page).toContain('train/clock/broken.jpg')
    expect(page).toContain('truncated')
  })

  test('holds every cell of the confusion matrix', () => {
    const cells = [...page.matchAll(/<td class="(right|wrong)"[^>]*>(\d*)<\/td>/g)]
    expect(cells.map((cell) => Number(cell[2]))).toEqual(report.confusion.flat())
    expect(cells.filter((cell) => cell[1] === 'right')).toHaveLength(10)
  })

  test('holds scripts that parse', () => {
    const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)].map((match) => match[1]!)
    expect(scripts).toHaveLength(2)
    for (const script of scripts) expect(() => new Function(script)).not.toThrow()
  })
})

test('nothing that a user names gets out of its place', () => {
  const evil = `"><script>alert(1)</script>`
  const classes = [evil, 'plain']
  const page = renderReport({
    ...bare,
    title: evil,
    subtitle: evil,
    configuration: [[evil, evil]],
    evaluation: {
      on: evil,
      report: evaluationOf(
        classes,
        [
          [1, 2],
          [3, 4],
        ],
        {
          mistakes: [{ name: evil, index: 0, label: 0, predicted: 1, probability: 1 }],
          skipped: [{ name: evil, reason: evil }],
        },
      ),
    },
  })
  expect(page).not.toContain('<script>alert')
  expect(page).toContain('&quot;&gt;&lt;script&gt;alert(1)')
})

test('a thousand classes become a picture to zoom into, with its cells beside it', () => {
  const classes = Array.from({ length: 1000 }, (_, index) => `class </script> ${index}`)
  const confusion = classes.map((_, label) => {
    const row = new Array<number>(1000).fill(0)
    row[label] = 40
    row[(label + 1) % 1000] = 10
    return row
  })
  const page = renderReport({ ...bare, evaluation: { on: 'many', report: evaluationOf(classes, confusion) } })
  const data = /<script type="application\/json">(.*?)<\/script>/s.exec(page)![1]!
  const { classes: named, cells } = JSON.parse(data) as { classes: string[]; cells: number[] }
  expect(named).toEqual(classes)
  expect(cells).toHaveLength(2000 * 3)
  expect(cells.slice(0, 6)).toEqual([0, 0, 40, 0, 1, 10])
  expect(page.length).toBeLessThan(1_500_000)
})

test('a training that has just begun, without validation, makes a page too', () => {
  const events = exampleEvents().slice(0, 4)
  const page = renderReport({ ...bare, state: 'running', history: historyOf(events) })
  expect(page).toContain('training is under way')
  expect(page).not.toContain('id="confusion"')
})
