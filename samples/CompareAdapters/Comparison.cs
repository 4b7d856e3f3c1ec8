using System.Diagnostics;
using MathNet.Numerics.Statistics;
using Microsoft.ML;
using Microsoft.ML.Moka;

namespace CompareAdapters;

/// <summary>What is compared, and how it is trained.</summary>
internal sealed record Settings
{
    /// <summary>The method that is compared with without a budget: it trains every weight.</summary>
    public const string Reference = "full";

    public string? Backbone { get; init; }

    public required BackboneQuantization Quantization { get; init; }

    public required IReadOnlyList<string> Methods { get; init; }

    public required IReadOnlyList<string> Targets { get; init; }

    /// <summary>Trained parameters; where none is given, half of MoKA's default, that, and twice that.</summary>
    public required IReadOnlyList<long> Budgets { get; init; }

    public required IReadOnlyList<float> Rates { get; init; }

    public required int Seeds { get; init; }

    public required int Epochs { get; init; }

    public required int BatchTokens { get; init; }
}

/// <summary>
/// Tunes every method: first at its middle budget with each learning rate, scored on the validation rows, then at every budget with the best rate, once for
/// each seed.
/// </summary>
internal sealed class Comparison(Settings settings, Questions questions, Action<string> report)
{
    private const int TrialSeeds = 2;
    private const double MiB = 1 << 20;

    private readonly AdapterDesigner _designer = AdapterDesigner.ForBackbone(settings.Backbone);

    public ComparisonResult Run()
    {
        var refused = new List<string>();
        var contestants = Contestants(refused);
        if (contestants.Count == 0)
            throw new ArgumentException($"Nothing is left to compare. {string.Join(' ', refused)}");
        var untuned = Fit(new MokaAdapter(), questions.Fitting, questions.Test, rate: null, seed: 1);

        // Methods take turns, so that a machine that is busy for a while is so for all of them.
        var tried = contestants.GroupBy(contestant => contestant.Name).Select(group => group.ElementAt(group.Count() / 2)).ToList();
        var trials = tried.ToDictionary(contestant => contestant.Name, _ => new List<RateTrial>());
        foreach (var rate in settings.Rates)
            foreach (var contestant in tried.ToList())
            {
                try
                {
                    var validation = Enumerable.Range(1, TrialSeeds)
                        .Select(seed => Fit(contestant.Design.Options, questions.Fitting, questions.Validation, rate, seed)).ToList();
                    trials[contestant.Name].Add(new RateTrial(rate, validation));
                    Report(contestant, rate, "validation", trials[contestant.Name][^1].Accuracy);
                }
                catch (InvalidOperationException e)
                {
                    // LoftQ on a backbone whose files are quantized, say.
                    refused.Add($"{contestant.Name}. {e.Message}");
                    tried.Remove(contestant);
                    contestants.RemoveAll(other => other.Name == contestant.Name);
                }
            }
        if (contestants.Count == 0)
            throw new ArgumentException($"Nothing is left to compare. {string.Join(' ', refused)}");
        var runs = contestants.ToDictionary(contestant => contestant, _ => new List<Measurement>());
        for (var seed = 1; seed <= settings.Seeds; seed++)
            foreach (var contestant in contestants)
            {
                var best = ContestantResult.Best(trials[contestant.Name]);
                var rate = best.Rate;
                // What is to be remembered was trained on and scored in the trial already.
                var isThere = questions.IsMemory && tried.Contains(contestant) && seed <= TrialSeeds;
                runs[contestant].Add(
                    isThere ? best.Validation[seed - 1] : Fit(contestant.Design.Options, questions.Train, questions.Test, rate, seed));
                Report(contestant, rate, $"test, seed {seed}", runs[contestant][^1].Accuracy);
            }
        return new ComparisonResult(
            _designer.Backbone, _designer.BackboneParameterCount, untuned.Accuracy, questions.Majority, questions.Test.Count,
            [.. contestants.Select(contestant => new ContestantResult(contestant, trials[contestant.Name], runs[contestant]))], refused)
        {
            IsMemory = questions.IsMemory,
        };
    }

    /// <summary>Each method with the sizes that use each budget best. A method that cannot keep a budget is left out there, with the reason.</summary>
    private List<Contestant> Contestants(List<string> refused)
    {
        var usual = _designer.Describe(new MokaAdapter { TargetModules = settings.Targets }).TrainableParameterCount;
        var budgets = settings.Budgets.Count > 0 ? settings.Budgets : [usual / 2, usual, 2 * usual];
        var contestants = new List<Contestant>();
        foreach (var name in settings.Methods)
        {
            var options = AdapterMethods.Create(name);
            if (name == Settings.Reference)
            {
                contestants.Add(new Contestant(name, null, _designer.Describe(options)));
                continue;
            }
            options.TargetModules = settings.Targets;
            foreach (var budget in budgets)
            {
                try
                {
                    contestants.Add(new Contestant(name, budget, _designer.ForBudget(options, budget)));
                }
                catch (ArgumentException e)
                {
                    refused.Add(e.Message.Split(" (Parameter", 2)[0].ReplaceLineEndings(" "));
                }
            }
        }
        return contestants;
    }

    /// <param name="adapter">What is trained.</param>
    /// <param name="train">The rows to tune on.</param>
    /// <param name="test">The rows to score.</param>
    /// <param name="rate">The highest learning rate; null to score the backbone as it is.</param>
    /// <param name="seed">Initial values and the order of rows.</param>
    private Measurement Fit(AdapterOptions adapter, IReadOnlyList<Question> train, IReadOnlyList<Question> test, float? rate, int seed)
    {
        var mlContext = new MLContext(seed);
        var words = mlContext.Data.LoadFromEnumerable(questions.Words.Select(word => new { Label = word }));
        var times = new List<(double Milliseconds, double ProcessorMilliseconds)>();
        var (last, lastProcessor) = (0L, TimeSpan.Zero);
        var options = new MokaTrainer.Options
        {
            BackbonePath = settings.Backbone,
            Quantization = settings.Quantization,
            Adapter = adapter,
            // A fact is its text and its answer, and nothing beside.
            PromptTemplate = questions.IsMemory ? PromptTemplate.Plain : null,
            NumberOfEpochs = rate is null ? 0 : settings.Epochs,
            LearningRate = rate,
            BatchTokens = settings.BatchTokens,
            Seed = seed,
            Progress = _ =>
            {
                var (now, processor) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
                if (last != 0)
                    times.Add((Stopwatch.GetElapsedTime(last, now).TotalMilliseconds, (processor - lastProcessor).TotalMilliseconds));
                (last, lastProcessor) = (now, processor);
            },
        };
        var pipeline = mlContext.Transforms.Conversion.MapValueToKey(nameof(Question.Label), keyData: words)
            .Append(mlContext.MulticlassClassification.Trainers.Moka(options));
        try
        {
            using var model = pipeline.Fit(mlContext.Data.LoadFromEnumerable(train));
            var metrics = mlContext.MulticlassClassification.Evaluate(model.Transform(mlContext.Data.LoadFromEnumerable(test)));
            return new Measurement(
                metrics.MicroAccuracy, metrics.LogLoss, times.Select(t => t.Milliseconds).Median(), times.Select(t => t.ProcessorMilliseconds).Median(),
                MemoryPlan.ForTraining(options).TotalBytes / MiB);
        }
        catch (TrainingDivergedException e)
        {
            (e.Model as IDisposable)?.Dispose();
            return new Measurement(0, double.PositiveInfinity, double.NaN, double.NaN, double.NaN);
        }
    }

    private void Report(Contestant contestant, float rate, string part, double accuracy) => report(FormattableString.Invariant(
        $"{contestant.Name,-8} {contestant.Design.TrainableParameterCount,11:N0} parameters, rate {rate:0.#####}: {part} accuracy {accuracy:P1}"));
}
