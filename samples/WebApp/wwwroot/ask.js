import { byId, element, problemOf, send, showError, showModel } from './common.js';

const form = byId('form'), question = byId('question'), choices = byId('choices'), add = byId('add'), ask = byId('ask');
const fewest = 2;
let most = 5;

function addChoice(text = '') {
  const input = element('input');
  input.type = 'text';
  input.maxLength = 200;
  input.autocomplete = 'off';
  input.value = text;
  const remove = element('button', 'remove', '×');
  remove.type = 'button';
  remove.addEventListener('click', () => {
    const place = [...choices.children].indexOf(line);
    line.remove();
    number();
    choices.children[Math.min(place, choices.children.length - 1)].querySelector('input').focus();
  });
  const line = element('li', '', input, remove);
  choices.append(line);
  number();
  return input;
}

/** Labels say which choice a field is. */
function number() {
  [...choices.children].forEach((line, i) => {
    line.querySelector('input').setAttribute('aria-label', `Choice ${i + 1}`);
    const remove = line.querySelector('button');
    remove.setAttribute('aria-label', `Remove choice ${i + 1}`);
    remove.disabled = choices.children.length <= fewest;
  });
  add.disabled = choices.children.length >= most;
}

function fill(text, texts) {
  question.value = text;
  choices.replaceChildren();
  texts.forEach(addChoice);
}

function show(answer, milliseconds) {
  const percent = probability => `${(100 * probability).toFixed(1)} %`;
  const best = answer.choices[answer.best];
  byId('empty').hidden = true;
  byId('answer').hidden = false;
  byId('verdict').textContent = best.text;
  byId('bars').replaceChildren(...answer.choices.map((choice, i) => {
    const fill = element('div', 'fill');
    requestAnimationFrame(() => requestAnimationFrame(() => { fill.style.width = `${100 * choice.probability}%`; }));
    const track = element('div', 'track', fill);
    track.setAttribute('aria-hidden', 'true');
    const line = element('div', 'line', element('span', 'text', choice.text), element('span', 'share', percent(choice.probability)));
    return element('li', i === answer.best ? 'best' : '', line, track);
  }));
  byId('facts').textContent = `Answered in ${milliseconds.toFixed(0)} ms by model ${answer.model}.`;
  byId('announcement').textContent = `Likeliest: ${best.text}, ${percent(best.probability)}.`;
}

async function submit() {
  const texts = [...choices.querySelectorAll('input')].map(input => input.value.trim());
  if (ask.ariaBusy === 'true') return;
  ask.ariaBusy = 'true';
  const started = performance.now();
  const { ok, status, body } = await send('/api/answers', { question: question.value.trim(), choices: texts });
  ask.ariaBusy = 'false';
  const errors = body.errors ?? {};
  showError(byId('question-error'), errors.question?.[0], question);
  showError(byId('choices-error'), errors.choices?.[0]);
  [...choices.querySelectorAll('input')].forEach((input, i) => {
    const isWrong = errors.choices && (!texts[i] || texts.indexOf(texts[i]) < i);
    isWrong ? input.setAttribute('aria-invalid', 'true') : input.removeAttribute('aria-invalid');
  });
  showError(byId('form-error'), ok || status === 400 ? null : problemOf(body));
  if (ok) show(body, performance.now() - started);
  else form.querySelector('[aria-invalid]')?.focus();
}

form.addEventListener('submit', event => {
  event.preventDefault();
  submit();
});
add.addEventListener('click', () => addChoice().focus());
question.addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    form.requestSubmit();
  }
});

fill('', ['', '']);
const model = await showModel();
if (model) {
  most = model.maximumChoices ?? most;
  number();
  byId('examples').append(...model.examples.map(example => {
    const button = element('button', '', example.question);
    button.type = 'button';
    button.addEventListener('click', () => {
      fill(example.question, example.choices);
      submit();
    });
    return element('li', '', button);
  }));
}
setInterval(showModel, 3000);
