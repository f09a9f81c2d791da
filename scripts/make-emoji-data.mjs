/**
 * Makes data/emoji, the pictures that `npm run demo` trains on: node scripts/make-emoji-data.mjs
 *
 * Drawings of two artists in ten classes: data/emoji/train holds Google's (Noto Emoji), data/emoji/test Twitter's
 * (Twemoji) of the same emoji, so that a test score says how well a network knows a flower from a car, not how
 * well it knows one artist's hand. Both come from the npm packages emoji-datasource-*, which hold 64-pixel PNGs;
 * they become 96-pixel JPEGs over white. The same input gives the same bytes. Needs npm and the network; the
 * packages live in a temporary folder.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGES = ['emoji-datasource-google@16.0.0', 'emoji-datasource-twitter@16.0.0', 'sharp@0.35.5']
const ARTISTS = { train: 'google', test: 'twitter' }
const MOST_A_CLASS = 120
const SIZE = 96
const JPEG = { quality: 88, chromaSubsampling: '4:4:4' }

/** Which Unicode subcategories make a class, and the short names in them that don't show one. */
const CLASSES = {
  animal: {
    subcategories: /^animal-/,
    except: 'pig_nose feet spider_web microbe feather wing shell coral dragon_face'.split(' '),
  },
  building: {
    subcategories: /^place-(building|religious)$/,
    except: 'building_construction bricks rock wood statue_of_liberty kaaba'.split(' '),
  },
  clock: { subcategories: /^time$/, except: [] },
  clothing: {
    subcategories: /^clothing$/,
    except: 'lipstick ring gem prayer_beads shopping_bags hair_pick folding_hand_fan'.split(' '),
  },
  face: {
    subcategories: /^face-(?!costume)/,
    except: 'skull skull_and_crossbones face_in_clouds'.split(' '),
  },
  flag: { subcategories: /^(country|subdivision)-flag$/, except: [] },
  food: { subcategories: /^(food-.+|drink)$/, except: 'takeout_box'.split(' ') },
  person: { subcategories: /^person(-role|-gesture|-fantasy|-activity|-sport)?$/, except: ['troll'] },
  plant: { subcategories: /^plant-/, except: 'empty_nest nest_with_eggs rosette'.split(' ') },
  vehicle: {
    subcategories: /^transport-(ground|air|water)$/,
    except:
      `station busstop fuelpump traffic_light vertical_traffic_light construction rotating_light octagonal_sign
      wheel oil_drum motorway railway_track seat satellite parachute ring_buoy anchor`.split(/\s+/),
  },
}

/** The emoji of a class, in Unicode's order; of more than `MOST_A_CLASS`, as many spread evenly over the order. */
function choose(emoji, { subcategories, except }) {
  const found = emoji.filter(
    (one) =>
      subcategories.test(one.subcategory) &&
      !except.includes(one.short_name) &&
      Object.values(ARTISTS).every((artist) => one[`has_img_${artist}`]),
  )
  const known = new Set(emoji.map((one) => one.short_name))
  const unknown = except.filter((name) => !known.has(name))
  if (unknown.length > 0) throw new Error(`no emoji is called ${unknown.join(', ')}`)
  found.sort((a, b) => a.sort_order - b.sort_order)
  if (found.length <= MOST_A_CLASS) return found
  return Array.from({ length: MOST_A_CLASS }, (_, i) => found[Math.floor((i * found.length) / MOST_A_CLASS)])
}

const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../data/emoji')
const packages = await mkdtemp(path.join(tmpdir(), 'emoji-'))
try {
  await writeFile(path.join(packages, 'package.json'), '{"private":true}')
  execFileSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', ...PACKAGES], {
    cwd: packages,
    stdio: 'inherit',
  })
  const sharp = createRequire(path.join(packages, 'package.json'))('sharp')
  const modules = path.join(packages, 'node_modules')
  let bytes = 0
  for (const [split, artist] of Object.entries(ARTISTS)) {
    const source = path.join(modules, `emoji-datasource-${artist}`)
    const emoji = JSON.parse(await readFile(path.join(source, 'emoji.json'), 'utf8'))
    await rm(path.join(folder, split), { recursive: true, force: true })
    for (const [name, rule] of Object.entries(CLASSES)) {
      const chosen = choose(emoji, rule)
      await mkdir(path.join(folder, split, name), { recursive: true })
      for (const { image, unified } of chosen) {
        const file = path.join(folder, split, name, `${unified}.jpg`)
        await sharp(path.join(source, 'img', artist, '64', image))
          .resize(SIZE, SIZE, { fit: 'contain', background: 'white' })
          .flatten({ background: 'white' })
          .jpeg(JPEG)
          .toFile(file)
        bytes += (await stat(file)).size
      }
      console.log(`${split}/${name}: ${chosen.length}`)
    }
  }
  console.log(`${(bytes / 1e6).toFixed(2)} MB`)
} finally {
  await rm(packages, { recursive: true, force: true })
}
