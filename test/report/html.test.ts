import { describe, expect, test } from 'vitest'
import { html, scriptData } from '../../lib/report/html.js'

describe('html', () => {
  test('escapes whatever is interpolated, in text and in attributes', () => {
    const name = `<img src=x onerror="alert('1')">&`
    expect(html`<p title="${name}">${name}</p>`.markup).toBe(
      '<p title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;">' +
        '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;</p>',
    )
  })

  test('keeps markup, joins lists and leaves out what is absent', () => {
    const rows = ['a', '<'].map((cell) => html`<td>${cell}</td>`)
    expect(html`<tr>${rows}${undefined}${false}${0}</tr>`.markup).toBe('<tr><td>a</td><td>&lt;</td>0</tr>')
  })
})

test('data for a script cannot end the script and reads back as it was', () => {
  const value = { name: '</script><!--\u2028&', figures: [1, null] }
  const { markup } = scriptData(value)
  expect(markup).not.toMatch(/[<>&\u2028]/)
  expect(JSON.parse(markup)).toEqual(value)
})
