using System.Diagnostics;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>Makes trials: settings in, metrics out. What all trials have in common is given once.</summary>
internal sealed class TrialRunner : IDisposable
{
    private const int FewSteps = 20;

    private readonly MulticlassClassificationCatalog _catalog;
    private readonly IHost _host;
    private readonly MokaTrainer.Options _options;
    private readonly IDataView _data;
    private readonly IReadOnlySet<long>? _heldOut;
    private readonly string _label;

    // Whoever is the last to hold the backbone frees it: the model of a trial is kept until the next has been tuned.
    private MokaTransformer? _last;
    private bool _warned;

    /// <param name="catalog">What computes metrics.</param>
    /// <param name="host">The environment of the trainers.</param>
    /// <param name="options">The trainer's options, those of a trial not among them; with a validation set, or a fraction above 0.</param>
    /// <param name="data">The training data.</param>
    /// <param name="cancellation">Ends the look for labels.</param>
    public TrialRunner(
        MulticlassClassificationCatalog catalog, IHost host, MokaTrainer.Options options, IDataView data, CancellationToken cancellation)
    {
        (_catalog, _host, _options, _data, _label) = (catalog, host, options, data, options.LabelColumnName);
        var words = Words(data, cancellation);
        if (options.ValidationSet is { } validation)
        {
            if (!words.SequenceEqual(Words(validation, cancellation)))
                throw new InvalidOperationException(
                    $"The keys of '{_label}' in the validation set are not those of the training set, so that metrics would compare different labels: " +
                    "map both with the same MapValueToKey.");
        }
        else
        {
            _heldOut = HeldOut(cancellation);
        }
    }

    /// <summary>What determines all trials.</summary>
    public Dictionary<string, string> Describe() => new MokaTrainer(_host, _options).Describe(_data, _options.ValidationSet);

    /// <exception cref="OperationCanceledException">The trial was cancelled.</exception>
    public SweepTrial Run(TrialSettings settings, string? stateFolder, CancellationToken cancellation)
    {
        var began = Stopwatch.GetTimestamp();
        var options = OptionsOf(_options, settings);
        options.CheckpointFolder = stateFolder;
        options.CancellationToken = cancellation;
        options.KeepBestWhenCanceled = false;
        options.Progress = progress =>
        {
            if (settings.StepShare < 1 && progress.Steps < FewSteps)
                WarnOfFewSteps();
            _options.Progress?.Invoke(progress);
        };
        string? problem = null;
        MokaTransformer model;
        try
        {
            model = new MokaTrainer(_host, options).Fit(_data);
        }
        catch (TrainingDivergedException e)
        {
            (model, problem) = (e.Model!, e.Message);
        }
        _last?.Dispose();
        _last = model;
        var metrics = problem is null ? Evaluate(model, cancellation) : null;
        return new SweepTrial
        {
            Number = settings.Number,
            Adapter = settings.Adapter,
            Budget = settings.Budget,
            LearningRate = settings.LearningRate,
            NumberOfEpochs = settings.NumberOfEpochs,
            StepShare = settings.StepShare,
            TrainableParameterCount = model.TrainableParameterCount,
            Rows = (int)(metrics?.ConfusionMatrix.Counts.Sum(row => row.Sum()) ?? 0),
            MicroAccuracy = metrics?.MicroAccuracy ?? double.NaN,
            MacroAccuracy = metrics?.MacroAccuracy ?? double.NaN,
            LogLoss = metrics?.LogLoss ?? double.NaN,
            Duration = Stopwatch.GetElapsedTime(began),
            Problem = problem,
        };
    }

    public void Dispose() => _last?.Dispose();

    /// <summary>The trainer's options with the settings of a trial.</summary>
    public static MokaTrainer.Options OptionsOf(MokaTrainer.Options options, TrialSettings settings)
    {
        var copy = options.Copy();
        copy.Adapter = settings.Adapter;
        copy.LearningRate = settings.LearningRate;
        copy.NumberOfEpochs = settings.NumberOfEpochs ?? copy.NumberOfEpochs;
        copy.StepShare = settings.StepShare < 1 ? settings.StepShare : null;
        return copy;
    }

    private void WarnOfFewSteps()
    {
        if (_warned)
            return;
        _warned = true;
        using var channel = _host.Start("Sweep");
        channel.Warning(MessageSensitivity.None, FormattableString.Invariant(
            $"Some trials of the first rounds make fewer than {FewSteps} steps, which say little of the whole training: ") +
            $"give more epochs, or take {nameof(SweepSearch)}.{nameof(SweepSearch.Random)}.");
    }

    private MulticlassClassificationMetrics Evaluate(MokaTransformer model, CancellationToken cancellation)
    {
        model.ScoringCancellation = cancellation;
        var scored = model.Transform(new RowSubset(_options.ValidationSet ?? _data, _heldOut, cancellation));
        return _catalog.Evaluate(scored, _label, _options.ScoreColumnName, _options.PredictedLabelColumnName);
    }

    /// <summary>The labels, in the order of the keys.</summary>
    private IReadOnlyList<string> Words(IDataView data, CancellationToken cancellation)
    {
        var form = LabelColumn.In(data.Schema, _label);
        return form.IsKey ? LabelColumn.Words(data, _label, form, cancellation) : throw new InvalidOperationException(
            $"The label column '{_label}' of a sweep has to hold keys, which its metrics are computed with: map it with MapValueToKey.");
    }

    /// <summary>The rows that the trainer holds out: it numbers those that have a label.</summary>
    private HashSet<long> HeldOut(CancellationToken cancellation)
    {
        var labelled = new List<long>();
        var column = _data.Schema[_label];
        using (var cursor = _data.GetRowCursor([column]))
        {
            var getter = cursor.GetGetter<uint>(column);
            var key = 0u;
            for (var row = 0L; cursor.MoveNext(); row++)
            {
                cancellation.ThrowIfCancellationRequested();
                getter(ref key);
                if (key > 0)
                    labelled.Add(row);
            }
        }
        return TrainingData.HeldOut(labelled.Count, _options.ValidationFraction, unchecked((ulong)_options.Seed!.Value))
            .Select(i => labelled[i]).ToHashSet();
    }
}
