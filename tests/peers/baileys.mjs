// A real Baileys on a lab: node baileys.mjs HOME AUTH LAB_FILE
//
// HOME: where its `node_modules` is. AUTH: its folder. It tells what happens as lines of JSON on
// stdout, and takes {"send": JID, "text": TEXT} and {"end": true} on stdin.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import readline from 'node:readline';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { pathToFileURL } from 'node:url';

const [home, auth, labFile] = process.argv.slice(2);
const lab = JSON.parse(fs.readFileSync(labFile, 'utf8'));
const lib = path.join(path.resolve(home), 'node_modules', 'baileys', 'lib');
const at = (name) => import(pathToFileURL(path.join(lib, name)).href);
const baileys = await at('index.js');
const { WA_CERT_DETAILS } = await at('Defaults/index.js');
const { DICT_VERSION, NOISE_WA_HEADER } = await at('Defaults/index.js');
if (DICT_VERSION === 2) {
  // An older dictionary than the lab's, which 7 has.
  const newer = path.join(import.meta.dirname, 'baileys7', 'node_modules', 'baileys', 'lib');
  const theirs = await import(pathToFileURL(path.join(newer, 'WABinary', 'constants.js')).href);
  const ours = await at('WABinary/constants.js');
  for (const name of ['SINGLE_BYTE_TOKENS', 'DOUBLE_BYTE_TOKENS'])
    ours[name].splice(0, Infinity, ...theirs[name]);
  for (const token of Object.keys(ours.TOKEN_MAP)) delete ours.TOKEN_MAP[token];
  Object.assign(ours.TOKEN_MAP, theirs.TOKEN_MAP);
  NOISE_WA_HEADER[3] = 3;
}
if (WA_CERT_DETAILS.PUBLIC_KEY) WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(lab.noise_root_key, 'hex');

const named = (name) => baileys[name] ?? baileys.default[name];
const makeWASocket = named('makeWASocket') ?? baileys.default.default ?? baileys.default;
const tell = (what) => process.stdout.write(JSON.stringify(what) + '\n');

// Its libraries print on stdout.
for (const level of ['log', 'info', 'warn', 'error', 'debug']) console[level] = () => {};

// As far away as a server is: Baileys 6 misreads what comes in the moment its handshake ends.
class Distant extends Duplex {
  constructor(socket) {
    super();
    this.near = socket;
    socket.on('data', (data) => setTimeout(() => this.push(data), 20));
    socket.on('end', () => setTimeout(() => this.push(null), 20));
    socket.on('error', (error) => this.destroy(error));
  }
  _read() {}
  _write(data, encoding, done) {
    this.near.write(data, encoding, done);
  }
  _final(done) {
    this.near.end(done);
  }
  _destroy(error, done) {
    this.near.destroy();
    done(error);
  }
}

class LabAgent extends https.Agent {
  createConnection(options, done) {
    const proxy = new URL(lab.proxy);
    const target = `${options.host ?? options.hostname}:${options.port ?? 443}`;
    http
      .request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: target })
      .on('connect', (_, near) => {
        const socket = new Distant(near);
        const ca = fs.readFileSync(lab.ca_file);
        done(null, tls.connect({ socket, servername: options.host, ca }));
      })
      .on('error', (error) => done(error))
      .end();
  }
}

const quiet = { level: 'silent', child: () => quiet };
for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) quiet[level] = () => {};

let socket;
let ending = false;

async function start() {
  const { state, saveCreds } = await named('useMultiFileAuthState')(auth);
  // 6 holds back what comes until it has one, which the lab's phones never give.
  if (DICT_VERSION === 2) state.creds.myAppStateKeyId ??= 'AAAAAAAA';
  socket = makeWASocket({
    auth: state,
    agent: new LabAgent(),
    logger: quiet,
    version: [2, 3000, 1043857760],
    markOnlineOnConnect: false,
    // Else it holds back what comes, until a history does.
    shouldSyncHistoryMessage: () => false,
  });
  socket.ev.on('creds.update', saveCreds);
  socket.ev.on('connection.update', ({ connection, qr, lastDisconnect }) => {
    if (qr) tell({ qr });
    if (connection === 'open') tell({ open: socket.user.id });
    if (connection === 'close' && !ending) {
      const code = lastDisconnect?.error?.output?.statusCode ?? 0;
      if (code === 515) start();
      else tell({ closed: code, why: String(lastDisconnect?.error) });
    }
  });
  socket.ev.on('messages.upsert', ({ messages }) => {
    for (const { key, message } of messages) {
      const text = message?.conversation ?? message?.extendedTextMessage?.text;
      if (!key.fromMe) tell({ got: text ?? null });
    }
  });
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const asked = JSON.parse(line);
  if (asked.end) {
    ending = true;
    // What is still to be written is written in a moment.
    setTimeout(() => process.exit(0), 1000);
    socket.end(undefined);
    return;
  }
  try {
    const sent = await socket.sendMessage(asked.send, { text: asked.text });
    tell({ sent: sent.key.id });
  } catch (error) {
    tell({ failed: String(error) });
  }
});
process.on('unhandledRejection', (error) => tell({ failed: String(error) }));
await start();
