// Sends documents with an official JavaScript client, and says what the client made of the
// answers.
//
// usage: node sender.mjs elasticsearch8|elasticsearch9|@opensearch-project/opensearch < settings.json
//
// The settings and what is said are those of clients_test.go.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { json } from 'node:stream/consumers'

const library = process.argv[2]
const opensearch = library.startsWith('@opensearch')
const { Client } = await import(library)
const settings = await json(process.stdin)
const { index, documents: sent } = settings

function client (key) {
  const options = { node: settings.url, compression: settings.gzip }
  if (opensearch && settings.gzip) options.compression = 'gzip'
  if (settings.scheme === 'Basic') options.auth = { username: key.user, password: key.password }
  else if (opensearch) options.headers = { Authorization: `ApiKey ${key.encoded}` }
  else options.auth = { apiKey: key.encoded }
  return new Client(options)
}

let c = client(settings.key)
const answer = response => opensearch ? response.body : response

// bulk sends documents with the bulk helper.
async function bulk (documents, action) {
  const why = {}; const ids = []
  const stats = await c.helpers.bulk({
    datasource: documents,
    flushBytes: 100_000, // several requests at a time
    onDocument: d => [{ [action]: d.id ? { _index: index, _id: d.id } : { _index: index } }, d.source],
    onDrop ({ status, error, operation }) {
      const text = `${status} ${error.type}`
      why[text] = (why[text] ?? 0) + 1
      ids.push(operation[action]._id)
    }
  })
  return { ok: stats.successful, failed: stats.failed, why, ids, retried: stats.retry }
}

// one sends one document, and returns its result or its error.
async function one (call, source, id) {
  const request = opensearch ? { index, body: source } : { index, document: source }
  if (id) request.id = id
  try {
    return answer(await c[call](request)).result
  } catch (error) {
    if (error.statusCode === undefined) throw error
    return `${error.statusCode} ${error.body?.error?.type ?? error.meta.body.error.type}`
  }
}

// Not all of them export their package.json.
const entry = createRequire(import.meta.url).resolve(library)
const { name, version } = JSON.parse(readFileSync(new URL('package.json', `file://${entry.slice(0, entry.indexOf(library) + library.length)}/`)))
const told = { client: `${name} ${version}`, server: answer(await c.info()).version.number, ping: answer(await c.ping()), bulk: {}, single: {} }
told.bulk.new = await bulk(sent.new, 'create')
told.bulk['created again'] = await bulk(sent.new, 'create')
told.bulk['indexed again'] = await bulk(sent.new, 'index')
told.bulk.nameless = await bulk(sent.nameless, 'index')
told.bulk.mixed = await bulk(sent.mixed, 'create')
const [a, b, nameless] = sent.single.map(d => d.source)
told.single.index = await one('index', a, 'a')
told.single['index again'] = await one('index', a, 'a')
told.single.create = await one('create', b, 'b')
told.single['create again'] = await one('create', b, 'b')
told.single.nameless = await one('index', nameless)
told.single.bad = await one('index', sent.bad)
c = client(settings.stranger)
told.single.stranger = await one('index', a, 'c')
process.stdout.write(JSON.stringify(told))
