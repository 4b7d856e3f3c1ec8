import { byId, element, problemOf, send, showError, showModel } from './common.js';
import { draw } from './chart.js';

const phases = {
  Idle: 'Not started', Preparing: 'Measuring the untuned model', Training: 'Training', Stopping: 'Stopping', Evaluating: 'Measuring the tuned model',
  Finished: 'Finished', Stopped: 'Stopped', Failed: 'Failed', InService: 'In service',
};
const running = ['Preparing', 'Training', 'Stopping', 'Evaluating'];
const announceEvery = 5000, askAgainAfter = 5000;
const form = byId('form'), start = byId('start'), stop = byId('stop'), deploy = byId('deploy'), title = byId('run-title'), key = byId('key');
let run = 0, steps = 1, best = null, points = [], phase = '', announced = 0;

const seconds = value => value < 60 ? `${Math.ceil(value)} s` : `${Math.floor(value / 60)} min ${Math.ceil(value % 60)} s`;
const percent = value => value === null || value === undefined ? '–' : `${(100 * value).toFixed(1)} %`;
const loss = value => value.toFixed(3);

function show(state) {
  if (state.run !== run || state.first === 0) {
    points = [];
    byId('rows').replaceChildren();
  }
  run = state.run;
  points.push(...state.points);
  const watched = points.filter(point => point.validation !== null);
  best = watched.length ? watched.reduce((a, b) => b.validation < a.validation ? b : a) : null;
  const last = points.at(-1);
  const isRunning = running.includes(state.phase);

  byId('phase').textContent = phases[state.phase] + (state.version ? ` as ${state.version}` : '');
  byId('step').textContent = last ? `${last.step} of ${state.steps}` : '–';
  byId('left').textContent = last && isRunning ? seconds(state.secondsLeft) : '–';
  byId('loss').textContent = last ? loss(last.loss) : '–';
  byId('best').textContent = best ? loss(best.validation) : '–';
  byId('speed').textContent = last ? Math.round(state.tokensPerSecond).toLocaleString('en') : '–';
  byId('untuned').textContent = percent(state.untuned);
  byId('tuned').textContent = percent(state.tuned);
  byId('progress').value = last ? last.step / state.steps : 0;
  byId('rows').append(...state.points.map(point => element('tr', '',
    element('td', '', String(point.step)), element('td', '', loss(point.loss)), element('td', '', point.validation === null ? '' : loss(point.validation)))));
  steps = state.steps;
  redraw();

  const mayTrain = state.right !== 'Nobody';
  byId('key-field').hidden = state.right !== 'Key';
  byId('right-note').hidden = mayTrain;
  start.disabled = !mayTrain || isRunning;
  stop.disabled = !mayTrain || !['Preparing', 'Training'].includes(state.phase);
  deploy.disabled = !mayTrain || !['Finished', 'Stopped'].includes(state.phase) || state.tuned === null;
  showError(byId('run-error'), state.error);
  announce(state, last);
  if (state.phase !== phase) {
    phase = state.phase;
    showModel();
  }
}

const redraw = () => draw(byId('chart'), points, steps, best);

/** What somebody typed; what is no number is for the server to refuse, by its field. */
const valueOf = input => input.value.trim() === '' ? null : Number(input.value);

/** A screen reader hears of every new phase, and now and then how far training is. */
function announce(state, last) {
  const isNew = state.phase !== phase;
  if (state.phase === 'Idle' || (!isNew && (state.phase !== 'Training' || Date.now() - announced < announceEvery))) return;
  announced = Date.now();
  byId('announcement').textContent = state.phase === 'Training' && last
    ? `Training, step ${last.step} of ${state.steps}, loss ${loss(last.loss)}, ${seconds(state.secondsLeft)} left.`
    : `${phases[state.phase]}.${state.tuned ? ` Accuracy ${percent(state.tuned)}, before ${percent(state.untuned)}.` : ''}`;
}

/** Sends what needs the right to train; a wrong key is told beside the field of the key, and is then focused. */
async function change(url, body) {
  const sent = await send(url, body, key.value.trim());
  const isKeyWrong = sent.status === 401;
  showError(byId('key-error'), isKeyWrong ? problemOf(sent.body) : null, key);
  if (isKeyWrong) key.focus();
  return { ...sent, problem: sent.ok || isKeyWrong ? null : problemOf(sent.body) };
}

form.addEventListener('submit', async event => {
  event.preventDefault();
  const fields = ['questions', 'epochs', 'seed'];
  const { ok, status, body, problem } = await change('/api/training', Object.fromEntries(fields.map(name => [name, valueOf(byId(name))])));
  for (const name of fields) showError(byId(`${name}-error`), body.errors?.[name]?.[0], byId(name));
  showError(byId('form-error'), status === 400 && body.errors ? null : problem);
  if (ok) title.focus();
  else form.querySelector('[aria-invalid]')?.focus();
});
// A button that can no longer be pressed gives the focus to the title of the run.
stop.addEventListener('click', async () => {
  title.focus();
  showError(byId('run-error'), (await change('/api/training/stop')).problem);
});
deploy.addEventListener('click', async () => {
  title.focus();
  deploy.disabled = true;
  const { ok, problem } = await change('/api/training/deploy');
  deploy.disabled = ok;
  showError(byId('run-error'), problem);
  showModel();
});

/** Follows the run. Where as many watch as may, the stream is refused: this page then asks now and then, until there is a place. */
function watch() {
  const events = new EventSource('/api/training/events');
  events.addEventListener('state', event => show(JSON.parse(event.data)));
  events.addEventListener('error', async () => {
    if (events.readyState !== EventSource.CLOSED) return;
    setTimeout(watch, askAgainAfter * (1 + Math.random()));
    try {
      const response = await fetch(`/api/training?run=${run}&first=${points.length}`);
      if (response.ok) show(await response.json());
    } catch {
      // The top of the page says that the service cannot be reached.
    }
  });
}

redraw();
let drawn = byId('chart').clientWidth;
new ResizeObserver(() => {
  if (byId('chart').clientWidth === drawn) return;
  drawn = byId('chart').clientWidth;
  redraw();
}).observe(byId('chart'));
watch();
showModel();
setInterval(showModel, 3000);
