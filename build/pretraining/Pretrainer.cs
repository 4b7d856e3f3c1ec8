using System.Diagnostics;
using EverydayWorld;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Text;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>Trains all weights of a small LLaMA by the recipe. The state after any step can be kept and taken up again, with the same result.</summary>
internal sealed class Pretrainer : IDisposable
{
    private const string ProgressName = "progress";
    private readonly Recipe _recipe;
    private readonly World _world;
    private readonly BackboneTokenizer _tokenizer;
    private readonly Backend _backend;
    private LlamaBackbone _backbone;
    private List<(Tensor First, Tensor Second)> _moments;
    private readonly TrainingBatch _probes = new();
    private readonly List<(string Kind, Range Rows)> _probeKinds;
    private QuantizedForward? _quantized;
    private int _stage;

    public Pretrainer(Recipe recipe, World world, BackboneTokenizer tokenizer, Backend backend)
    {
        (_recipe, _world, _tokenizer, _backend) = (recipe, world, tokenizer, backend);
        var config = recipe.Config(tokenizer, stage: 0);
        _backbone = LlamaBackbone.Trainable(backend, config, new InitialWeights(config, (ulong)recipe.Seed));
        _moments = Moments();
        _probeKinds = [.. Recipe.Probes(world).Select(kind => (kind.Kind, _probes.Add(tokenizer, kind.Passages, 1)))];
    }

    public LlamaBackbone Backbone => _backbone;

    /// <summary>Steps done.</summary>
    public int Step { get; private set; }

    /// <summary>Trains to the last step. <paramref name="report"/> gets the mean loss of each kind and tokens per second, now and then.</summary>
    public void Run(Action<string> report, Action<Pretrainer> keep, int reportEvery, int keepEvery, CancellationToken cancellation)
    {
        var sums = new Dictionary<string, double>();
        var clock = Stopwatch.StartNew();
        var tokens = 0L;
        var since = Step;
        while (Step < _recipe.Steps)
        {
            cancellation.ThrowIfCancellationRequested();
            var (losses, count) = Train();
            tokens += count;
            foreach (var (kind, loss) in losses)
                sums[kind] = sums.GetValueOrDefault(kind) + loss;
            if (Step % reportEvery == 0 || Step == _recipe.Steps)
            {
                var perSecond = tokens / clock.Elapsed.TotalSeconds;
                var left = TimeSpan.FromSeconds(clock.Elapsed.TotalSeconds / (Step - since) * (_recipe.Steps - Step));
                report($"step {Step}/{_recipe.Steps}: {string.Join(", ", sums.Select(sum => $"{sum.Key} {sum.Value / (Step - since):F3}"))}; " +
                    $"{perSecond:F0} tokens/s, {left:hh\\:mm\\:ss} left; " +
                    $"untold: {string.Join(", ", Probe().Select(kind => $"{kind.Kind} {kind.Share:P0}"))}");
                (tokens, since) = (0, Step);
                sums.Clear();
                clock.Restart();
            }

            if (Step % keepEvery == 0)
                keep(this);
        }
    }

    /// <summary>Everything that the next step depends on.</summary>
    public IEnumerable<SafetensorsTensor> State()
    {
        yield return SafetensorsTensor.Of(ProgressName, [Step], 1);
        for (var i = 0; i < _moments.Count; i++)
        {
            var parameter = _backbone.Parameters[i];
            yield return Stored(parameter.Name, parameter.Value);
            yield return Stored($"{parameter.Name}.first", _moments[i].First);
            yield return Stored($"{parameter.Name}.second", _moments[i].Second);
        }

        SafetensorsTensor Stored(string name, Tensor tensor)
        {
            var values = new float[tensor.Length];
            _backend.Download(tensor, values);
            return SafetensorsTensor.Of(name, values, tensor.Rows, tensor.Columns);
        }
    }

    /// <summary>Continues from a kept state.</summary>
    public void Restore(Func<string, float[]> state)
    {
        Step = (int)state(ProgressName)[0];
        Enter(_recipe.StageAt(Step - 1));
        for (var i = 0; i < _moments.Count; i++)
        {
            var parameter = _backbone.Parameters[i];
            Load(parameter.Name, parameter.Value);
            Load($"{parameter.Name}.first", _moments[i].First);
            Load($"{parameter.Name}.second", _moments[i].Second);
        }

        void Load(string name, Tensor target)
        {
            using var tensor = _backend.Upload(TensorKind.Parameter, state(name), target.Rows, target.Columns);
            _backend.Copy(tensor, target);
        }
    }

    public void Dispose()
    {
        _quantized?.Dispose();
        DisposeModel();
    }

    private void Enter(int stage)
    {
        if (stage == _stage)
            return;
        _stage = stage;
        Grow();
    }

    // Puts the layers of a stage on those of the stage before; the optimizer starts anew.
    private void Grow()
    {
        var known = _backbone.Parameters.ToDictionary(parameter => parameter.Name, parameter =>
        {
            var values = new float[parameter.Length];
            _backend.Download(parameter.Value, values);
            return values;
        });
        DisposeModel();
        var config = _recipe.Config(_tokenizer, _stage);
        _backbone = LlamaBackbone.Trainable(_backend, config, new InitialWeights(config, (ulong)_recipe.Seed, _recipe.Stages[_stage - 1].Layers, known));
        _moments = Moments();
    }

    private List<(Tensor First, Tensor Second)> Moments()
    {
        return [.. _backbone.Parameters.Select(parameter => (Zeros(parameter), Zeros(parameter)))];

        Tensor Zeros(Parameter parameter) => _backend.Zeros(TensorKind.Parameter, parameter.Value.Rows, parameter.Value.Columns);
    }

    private void DisposeModel()
    {
        foreach (var (first, second) in _moments)
        {
            first.Dispose();
            second.Dispose();
        }

        _backbone.Dispose();
    }

    /// <summary>How often the most likely token is the right one, of the tokens that matter most, on passages that are not trained on.</summary>
    private IEnumerable<(string Kind, double Share)> Probe()
    {
        using var tape = new Tape(_backend, recording: false);
        using var hidden = _backbone.Forward(tape, _probes.Tokens);
        using var rows = _backend.Upload(_probes.Rows);
        using var predicting = tape.GatherRows(hidden, rows);
        using var logits = _backend.Linear(predicting.Value, _backbone.Head);
        var values = new float[logits.Length];
        _backend.Download(logits, values);
        var width = logits.Columns;
        foreach (var (kind, range) in _probeKinds)
        {
            var (start, count) = range.GetOffsetAndLength(logits.Rows);
            var top = Enumerable.Range(start, count).Select(row => _probes.Weights[row]).Max();
            var asked = Enumerable.Range(start, count).Where(row => _probes.Weights[row] == top).ToList();
            yield return (kind, asked.Average(row => TensorPrimitives.IndexOfMax(values.AsSpan(row * width, width)) == _probes.Targets[row] ? 1.0 : 0.0));
        }
    }

    private (List<(string Kind, double Loss)> Losses, int Tokens) Train()
    {
        Enter(_recipe.StageAt(Step));
        var kinds = _recipe.Passages(_world, Step, _stage);
        var batch = new TrainingBatch();
        var ranges = kinds.Select(kind => (kind.Kind, Rows: batch.Add(_tokenizer, kind.Passages, 1f / kinds.Count))).ToList();
        var quantized = _recipe.IsQuantized(Step) ? _quantized ??= new QuantizedForward(_backbone) : null;
        quantized?.Enter();
        var losses = new float[batch.Rows.Length];
        using (var tape = new Tape(_backend, recording: true))
        {
            using var hidden = _backbone.Forward(tape, batch.Tokens);
            using var rows = _backend.Upload(batch.Rows);
            using var targets = _backend.Upload(batch.Targets);
            using var weights = _backend.Upload(TensorKind.Parameter, batch.Weights, batch.Rows.Length);
            using var predicting = tape.GatherRows(hidden, rows);
            using var perRow = _backbone.TokenLosses(tape, predicting, targets, weights);
            _backend.Download(perRow, losses);
            tape.Backward();
        }

        quantized?.Leave();
        var result = new List<(string, double)>();
        foreach (var (kind, range) in ranges)
        {
            var sum = 0.0;
            var (start, count) = range.GetOffsetAndLength(losses.Length);
            for (var i = start; i < start + count; i++)
                sum += losses[i] * batch.Weights[i];
            result.Add((kind, sum * kinds.Count));
        }

        if (result.Any(one => !double.IsFinite(one.Item2)))
            throw new InvalidOperationException($"The loss of step {Step} is not a number.");
        Update();
        Step++;
        return (result, batch.Tokens.TokenCount);
    }

    private void Update()
    {
        var norm = Math.Sqrt(_backbone.Parameters.Sum(parameter => _backend.SumOfSquares(parameter.Gradient)));
        var scale = (float)Math.Min(1, _recipe.ClipNorm / (norm + 1e-6));
        for (var i = 0; i < _moments.Count; i++)
        {
            var parameter = _backbone.Parameters[i];
            var decay = parameter.Value.Columns > 1 ? _recipe.WeightDecay : 0;
            var step = new AdamWStep(_recipe.RateAt(Step), 0.9f, 0.98f, 1e-8f, decay, scale, Step - _recipe.StartOf(_stage) + 1);
            _backend.AdamW(parameter.Value, parameter.Gradient, _moments[i].First, _moments[i].Second, step);
        }
    }
}
