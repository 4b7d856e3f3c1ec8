using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Evaluation.Statistics;

namespace Microsoft.ML.Moka.Tests.Evaluation;

public sealed class BenchmarkEvaluationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _mlContext = new(seed: 1);
    private readonly TunedModel _tuned;

    public BenchmarkEvaluationTests(TunedModel tuned)
    {
        _tuned = tuned;
        Write("ARC-Easy", "answer", 12, 4);
        Write("winogrande", "option", 9, 2);
        Write("my-own", "colour", 7, 3);
    }

    public static TheoryData<string> Protocols => ["likelihood", "choices", "greedy", "beams"];

    private string Benchmarks => _folder.File("benchmarks");

    private MulticlassClassificationCatalog Catalog => _mlContext.MulticlassClassification;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheTasksComeInTheirOrderWithTheirNumbers()
    {
        var metrics = Evaluate("likelihood");

        Assert.Equal(["WinoGrande", "ARC-e", "my-own"], metrics.Tasks.Select(task => task.Task));
        Assert.Equal([9, 12, 7], metrics.Tasks.Select(task => task.RowCount));
        foreach (var task in metrics.Tasks)
        {
            Assert.Equal(task.Answers.Count(answer => answer.Predicted == answer.Label), task.CorrectCount);
            Assert.Equal(task.CorrectCount / (double)task.RowCount, task.Accuracy, 1e-12);
            Assert.All(task.Answers, answer => Assert.Equal(answer.Candidates[answer.LogLikelihoods!.IndexOfMax()], answer.Predicted));
            Assert.True(task.TokensPerSecond > 0);
        }
        Assert.Equal(metrics.Tasks.Sum(task => task.Accuracy) / 3, metrics.AverageAccuracy, 1e-12);
        Assert.Equal("likelihood of answer words", metrics.Protocol);
        Assert.Contains("likelihood of answer words", metrics.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void ASecondRunGivesTheSameAnswers(string protocol) => AssertSame(Evaluate(protocol), Evaluate(protocol));

    [Theory]
    [MemberData(nameof(Protocols))]
    public void EachQuestionAloneHasTheScoresThatItHasInABatch(string protocol)
    {
        var together = Evaluate(protocol);
        var alone = Evaluate(protocol, options => options.BatchTokens = 1);

        foreach (var (expected, actual) in Answers(together).Zip(Answers(alone)))
        {
            Assert.Equal(expected.Predicted, actual.Predicted);
            Assert.Equal(expected.Output, actual.Output);
            Assert.Equal(expected.LogLikelihoods, actual.LogLikelihoods);
        }
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public void AnInterruptedRunGoesOnToTheSameAnswers(string protocol)
    {
        var expected = Evaluate(protocol, options => options.BatchTokens = 400);
        var batches = 0;

        for (var stopAfter = 1; ; stopAfter++)
        {
            using var cancel = new CancellationTokenSource();
            var answered = 0;
            try
            {
                var metrics = Evaluate(protocol, options =>
                {
                    options.BatchTokens = 400;
                    options.ResultsFolder = _folder.File("results");
                    options.CancellationToken = cancel.Token;
                    options.Progress = _ =>
                    {
                        batches++;
                        if (++answered == stopAfter)
                            cancel.Cancel();
                    };
                });
                AssertSame(expected, metrics);
                Assert.True(stopAfter > 1);
                break;
            }
            catch (OperationCanceledException)
            {
                // What is being written when a process dies.
                File.AppendAllText(Assert.Single(Directory.GetFiles(_folder.File("results"))), "{\"task\":\"ARC-e\",\"fir");
            }
        }
        // No question was answered twice: a finished evaluation answers none.
        var earlier = batches;
        AssertSame(expected, Evaluate(protocol, options =>
        {
            options.BatchTokens = 400;
            options.ResultsFolder = _folder.File("results");
            options.Progress = _ => batches++;
        }));
        Assert.Equal(earlier, batches);
        Assert.Equal(File.ReadLines(Assert.Single(Directory.GetFiles(_folder.File("results")))).Count() - 1, batches);
    }

    [Fact]
    public void AnswersOfOtherSettingsAreRefused()
    {
        Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));

        var error = Assert.Throws<InvalidOperationException>(() => Evaluate("likelihood", options =>
        {
            options.ResultsFolder = _folder.File("results");
            options.MaximumRows = 5;
        }));
        Assert.Contains("data of ARC-e", error.Message, StringComparison.Ordinal);
        Assert.Contains("12 rows' there", error.Message, StringComparison.Ordinal);

        File.AppendAllText(Path.Combine(Benchmarks, "ARC-Easy", "test.json"), " ");
        Assert.Throws<InvalidOperationException>(() => Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results")));
    }

    [Theory]
    [InlineData("{}\n", "line 1")]
    [InlineData("hello\n", "line 1")]
    [InlineData("{\"format\":\"other\",\"settings\":{}}\n", "'other'")]
    public void AFileThatHoldsNoAnswersIsRefusedAndKept(string content, string message)
    {
        Directory.CreateDirectory(_folder.File("results"));
        var path = Path.Combine(_folder.File("results"), "backbone-likelihood-of-answer-words.jsonl");
        File.WriteAllText(path, content);

        var error = Assert.Throws<InvalidDataException>(() => Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results")));

        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(path));
    }

    [Fact]
    public void ADamagedLineIsReported()
    {
        Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));
        var path = Assert.Single(Directory.GetFiles(_folder.File("results")));
        var lines = File.ReadAllLines(path);

        File.WriteAllLines(path, [lines[0], "{\"task\":3}", .. lines[1..]]);
        Assert.Contains("line 2", Assert.Throws<InvalidDataException>(Again).Message, StringComparison.Ordinal);
        File.WriteAllLines(path, [lines[0], lines[1], .. lines[1..]]);
        Assert.Contains("do not follow", Assert.Throws<InvalidDataException>(Again).Message, StringComparison.Ordinal);

        void Again() => Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));
    }

    /// <summary>A value that JSON allows and a line of answers does not, where one that is right stands.</summary>
    [Theory]
    [InlineData(1, "\"answers\":[", "\"answers\":null,\"x\":[")]
    [InlineData(1, "\"answers\":[", "\"answers\":[null,")]
    [InlineData(1, "\"candidates\":[", "\"candidates\":[null,")]
    [InlineData(1, "\"candidates\":[", "\"candidates\":null,\"x\":[")]
    [InlineData(1, "\"logLikelihoods\":[", "\"logLikelihoods\":[-1,")]
    [InlineData(1, "\"label\":\"", "\"label\":null,\"x\":\"")]
    [InlineData(1, "\"task\":\"", "\"task\":null,\"x\":\"")]
    [InlineData(1, "\"first\":0", "\"first\":null")]
    [InlineData(0, "\"settings\":{", "\"settings\":null,\"x\":{")]
    [InlineData(0, "\"format\":\"", "\"format\":null,\"x\":\"")]
    public void ALineWithNothingWhereSomethingBelongsIsReported(int line, string part, string instead)
    {
        Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));
        var path = Assert.Single(Directory.GetFiles(_folder.File("results")));
        var lines = File.ReadAllLines(path);
        var place = lines[line].IndexOf(part, StringComparison.Ordinal);
        lines[line] = $"{lines[line][..place]}{instead}{lines[line][(place + part.Length)..]}";
        File.WriteAllLines(path, lines);

        var error = Assert.Throws<InvalidDataException>(() => Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results")));

        Assert.StartsWith($"{path}, line {line + 1}: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFittedModelIsEvaluatedWithItsAdaptersAndPrompt()
    {
        var options = new BenchmarkOptions { Protocol = new LikelihoodProtocol { PromptTemplate = PromptTemplate.Plain } };
        var backbone = Catalog.EvaluateBackbone(_tuned.BackbonePath, Benchmarks, options);
        using var untuned = _tuned.Pipeline(_mlContext, Untuned()).Fit(_tuned.Train);

        var models = Catalog.EvaluateBenchmarks(new Dictionary<string, ITransformer> { ["tuned"] = _tuned.Chain, ["untuned"] = untuned }, Benchmarks, options);

        Assert.Equal(["tuned", "untuned"], models.Select(model => model.Model));
        Assert.NotEqual(models[0].Settings["adapters"], models[1].Settings["adapters"]);
        Assert.Equal(("none", models[0].Settings["backbone"]), (backbone.Settings["adapters"], backbone.Settings["backbone"]));
        // Adapters start as nothing.
        foreach (var (expected, actual) in Answers(backbone).Zip(Answers(models[1])))
            Assert.All(expected.LogLikelihoods!.Zip(actual.LogLikelihoods!), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        Assert.Contains(Answers(backbone).Zip(Answers(models[0])), pair => Math.Abs(pair.First.LogLikelihoods![0] - pair.Second.LogLikelihoods![0]) > 1e-2);
        Assert.Equal(_tuned.Options.PromptTemplate!.ToString(), Catalog.EvaluateBenchmarks(_tuned.Chain, Benchmarks).Settings["prompt"]);
    }

    [Fact]
    public void AReportOnALoadedModelSaysHowItWasTrained()
    {
        var path = _folder.File("model.zip");
        _mlContext.Model.Save(_tuned.Chain, _tuned.Train.Schema, path);
        var loaded = _mlContext.Model.Load(path, out _);
        using var disposed = (IDisposable)loaded;

        var report = new BenchmarkReport([Catalog.EvaluateBenchmarks(loaded, Benchmarks), Evaluate("greedy")]).ToMarkdown();

        Assert.Contains("| training | 100 rows, 15 epochs, learning rate 0.01 |", report, StringComparison.Ordinal);
        Assert.Contains("| training seed | 1 |", report, StringComparison.Ordinal);
        Assert.Contains("| loss in training | on the answer alone (prompt masked) |", report, StringComparison.Ordinal);
        Assert.Contains($"| adapter's parameters | {_tuned.Model.TrainableParameterCount} (", report, StringComparison.Ordinal);
        Assert.Contains("| adapter | `new MokaAdapter()` |", report, StringComparison.Ordinal);
        Assert.Contains("| beams | `1` |", report, StringComparison.Ordinal);
        Assert.Contains("| device | `cpu (", report, StringComparison.Ordinal);
        Assert.Contains("| new tokens | `6` |", report, StringComparison.Ordinal);

        // Of another adapter nobody knows.
        _tuned.Model.SaveAdapter(_folder.File("adapter"));
        using var other = _tuned.Model.WithAdapter(_folder.File("adapter"));
        Assert.Contains(
            "| training | not known |", new BenchmarkReport([Catalog.EvaluateBenchmarks(other, Benchmarks)]).ToMarkdown(), StringComparison.Ordinal);
    }

    [Fact]
    public void ScoresAreThoseOfTheModelsOwnTransform()
    {
        var options = Untuned();
        (options.InstructionColumnName, options.CandidatesColumnName, options.PromptTemplate) = ("Instruction", "Candidates", null);
        var path = Path.Combine(Benchmarks, "ARC-Easy", "test.json");
        var data = _mlContext.Data.LoadBenchmark(path);
        using var model = _tuned.Pipeline(_mlContext, options).Fit(data);

        var answers = Catalog.EvaluateBenchmarks(model, Benchmarks, new BenchmarkOptions { Tasks = ["ARC-Easy"] }).Tasks.Single().Answers;

        var scores = TunedModel.Scores(model.Transform(data));
        Assert.Equal(scores.Count, answers.Count);
        foreach (var (score, answer) in scores.Zip(answers))
            Assert.Equal(model.LastTransformer.Labels[score.AsSpan().ToArray().Select(s => (double)s).ToArray().IndexOfMax()], answer.Predicted);
    }

    [Fact]
    public void AMixedFileIsTrainedOnWithTheCandidatesOfEachRow()
    {
        var mixed = _folder.File("mixed.json");
        File.WriteAllText(
            mixed, string.Join(",\n", new[] { "ARC-Easy", "winogrande" }.Select(task => File.ReadAllText(Path.Combine(Benchmarks, task, "test.json"))))
            .Replace("],\n[", ",\n", StringComparison.Ordinal));
        var options = _tuned.FewSteps;
        (options.InstructionColumnName, options.CandidatesColumnName, options.PromptTemplate) = ("Instruction", "Candidates", null);
        var data = _mlContext.Data.LoadBenchmark(mixed);

        using var model = _tuned.Pipeline(_mlContext, options).Fit(data);

        var (words, scores) = (model.LastTransformer.Labels, TunedModel.Scores(model.Transform(data)));
        Assert.Equal(21, scores.Count);
        Assert.All(scores.Index(), row => Assert.All(words.Index(), word => Assert.Equal(
            word.Item.StartsWith(row.Index < 12 ? "answer" : "option", StringComparison.Ordinal), row.Item[word.Index] > 0)));
    }

    [Fact]
    public void AModelCanBeDisposedWhileItIsEvaluated()
    {
        using var model = _tuned.Pipeline(_mlContext, Untuned()).Fit(_tuned.Train);

        var metrics = Catalog.EvaluateBenchmarks(model, Benchmarks, new BenchmarkOptions { BatchTokens = 1, Progress = _ => model.Dispose() });

        Assert.Equal(28, Answers(metrics).Count());
    }

    [Fact]
    public void AModelThatGeneratesTextIsEvaluatedToo()
    {
        using var model = _mlContext.TextGeneration.Trainers.Moka(backbonePath: _tuned.BackbonePath, numberOfEpochs: 0)
            .Fit(_mlContext.Data.LoadFromEnumerable([new InstructionRow { Instruction = "Say no.", Output = "no" }]));

        var metrics = Catalog.EvaluateBenchmarks(model, Benchmarks, new BenchmarkOptions { Protocol = new GenerationProtocol { MaximumNewTokens = 6 } });

        Assert.Equal(Answers(Evaluate("greedy")).Select(answer => answer.Output), Answers(metrics).Select(answer => answer.Output));
        Assert.Contains(metrics.Tasks, task => task.UnansweredCount > 0 && task.CorrectCount == 0);
    }

    [Fact]
    public void WhatIsNoModelOfMokasIsRefused()
    {
        var other = _mlContext.Transforms.Conversion.MapValueToKey("Label").Fit(_tuned.Train);

        Assert.Contains(
            nameof(MokaTrainer), Assert.Throws<ArgumentException>(() => Catalog.EvaluateBenchmarks(other, Benchmarks)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongCountsAreAWarningOrAnError()
    {
        var warnings = new List<string>();
        _mlContext.Log += (_, log) =>
        {
            if (log.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning)
                warnings.Add(log.RawMessage);
        };

        Evaluate("likelihood");

        Assert.Contains(warnings, warning => warning.Contains("ARC-e has 12 rows; the published test set has 2,376", StringComparison.Ordinal));
        Assert.Throws<InvalidDataException>(() => Evaluate("likelihood", options => options.RequirePublishedCounts = true));
        Evaluate("likelihood", options => (options.RequirePublishedCounts, options.MaximumRows, options.Tasks) = (true, 3, ["winogrande"]));
    }

    [Fact]
    public void ABadRowIsFoundBeforeAnythingIsAnswered()
    {
        File.AppendAllText(Path.Combine(Benchmarks, "my-own", "test.json"), "\n{}");
        var answered = 0;

        var error = Assert.Throws<InvalidDataException>(() => Evaluate("likelihood", options => options.Progress = _ => answered++));

        Assert.Contains("my-own", error.Message, StringComparison.Ordinal);
        Assert.Contains("line", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, answered);
    }

    [Fact]
    public void OptionsThatMakeNoSenseAreNamedTogether()
    {
        var error = Assert.Throws<ArgumentException>(() => Catalog.EvaluateBackbone(_tuned.BackbonePath, Benchmarks, new BenchmarkOptions
        {
            MaximumRows = 0, BatchTokens = 0, MaximumTokens = 1, Protocol = new GenerationProtocol { Beams = 0 },
        }));

        Assert.All(new[] { "MaximumRows", "BatchTokens", "MaximumTokens", "Beams" }, name => Assert.Contains(name, error.Message, StringComparison.Ordinal));
        Assert.Contains("has no 'boolq'", Assert.Throws<ArgumentException>(
            () => Evaluate("likelihood", options => options.Tasks = ["WinoGrande", "BoolQ"])).Message.Replace("BoolQ", "boolq", StringComparison.Ordinal),
            StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => Catalog.EvaluateBackbone(_tuned.BackbonePath, Directory.CreateDirectory(_folder.File("empty")).FullName));
        Assert.Throws<DirectoryNotFoundException>(() => Catalog.EvaluateBackbone(_tuned.BackbonePath, _folder.File("absent")));
    }

    [Theory]
    [InlineData(0, 10, 0, 0.2775)]
    [InlineData(8, 10, 0.4902, 0.9433)]
    [InlineData(50, 100, 0.4038, 0.5962)]
    [InlineData(10, 10, 0.7225, 1)]
    public void TheIntervalIsWilsons(int correct, int count, double lower, double upper)
    {
        var interval = Interval.OfShare(correct, count);

        Assert.Equal(lower, interval.Lower, 1e-4);
        Assert.Equal(upper, interval.Upper, 1e-4);
    }

    private MokaTrainer.Options Untuned()
    {
        var options = _tuned.Options;
        options.NumberOfEpochs = 0;
        return options;
    }

    private BenchmarkMetrics Evaluate(string protocol, Action<BenchmarkOptions>? change = null)
    {
        var options = new BenchmarkOptions
        {
            Protocol = protocol switch
            {
                "choices" => new ChoiceLikelihoodProtocol(),
                "greedy" => new GenerationProtocol { MaximumNewTokens = 6 },
                "beams" => new GenerationProtocol { MaximumNewTokens = 5, Beams = 3 },
                _ => new LikelihoodProtocol(),
            },
            // A task of the user's own has no choices that could be found.
            Tasks = protocol == "choices" ? ["ARC-Easy", "WinoGrande"] : null,
        };
        change?.Invoke(options);
        return Catalog.EvaluateBackbone(_tuned.BackbonePath, Benchmarks, options);
    }

    private static IEnumerable<BenchmarkAnswer> Answers(BenchmarkMetrics metrics) => metrics.Tasks.SelectMany(task => task.Answers);

    private static void AssertSame(BenchmarkMetrics expected, BenchmarkMetrics actual)
    {
        Assert.Equal(JsonSerializer.Serialize(Answers(expected)), JsonSerializer.Serialize(Answers(actual)));
        Assert.Equal(expected.AverageAccuracy, actual.AverageAccuracy);
        Assert.Equal(expected.Settings, actual.Settings);
        Assert.Equal(expected.Tasks.Select(task => task.TokenCount), actual.Tasks.Select(task => task.TokenCount));
    }

    private void Write(string task, string word, int rows, int choices)
    {
        Directory.CreateDirectory(Path.Combine(Benchmarks, task));
        var mark = char.ToUpperInvariant(word[0]) + word[1..];
        var (opening, ending) = word == "option"
            ? ("Please choose the correct answer to fill in the blank to complete the given sentence: ", " ")
            : ("Please choose the correct answer to the question: ", "\n\n");
        File.WriteAllText(Path.Combine(Benchmarks, task, "test.json"), JsonSerializer.Serialize(Enumerable.Range(0, rows).Select(row => new
        {
            instruction = $"{opening}Thing {row * 7 % 5} is _ in place {row}.\n\n" +
                string.Join(' ', Enumerable.Range(1, choices).Select(i => $"{mark}{i}: thing {(row + i) % 6}")) +
                $"{ending}Answer format: {string.Join('/', Enumerable.Range(1, choices).Select(i => $"{word}{i}"))}",
            input = "",
            output = $"the correct answer is {word}{row % choices + 1}",
            answer = $"{word}{row % choices + 1}",
        })));
    }
}

internal static class Places
{
    public static int IndexOfMax(this IReadOnlyList<double> values) => Enumerable.Range(0, values.Count).MaxBy(i => values[i]);
}
