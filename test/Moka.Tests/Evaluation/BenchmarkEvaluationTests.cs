using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Evaluation.Statistics;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tests.Files;

namespace Microsoft.ML.Moka.Tests.Evaluation;

public sealed partial class BenchmarkEvaluationTests : IDisposable
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

    [Theory]
    [InlineData("likelihood")]
    [InlineData("choices")]
    public void AnEmptyChoiceIsOneQuestionThatIsNotAnsweredAndNotTheEnd(string protocol)
    {
        var path = Path.Combine(Benchmarks, "ARC-Easy", "test.json");
        var whole = Evaluate(protocol).Tasks.Single(task => task.Task == "ARC-e");
        // The fourth of twelve: an empty word for the words' likelihood, an empty text for the texts'.
        var rows = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(path))!.AsArray();
        var instruction = rows[3]!["instruction"]!.GetValue<string>();
        var broken = protocol == "choices"
            ? System.Text.RegularExpressions.Regex.Replace(instruction, "Answer2: thing [0-9]", "Answer2: ")
            : instruction.Replace("answer1/answer2/", "answer1//", StringComparison.Ordinal);
        Assert.NotEqual(instruction, broken);
        rows[3]!["instruction"] = broken;
        File.WriteAllText(path, rows.ToJsonString());
        if (protocol == "likelihood")
        {
            // As a task of one's own: of the eight, other answer words are refused.
            Directory.Move(Path.Combine(Benchmarks, "ARC-Easy"), Path.Combine(Benchmarks, "own"));
        }
        var warnings = new List<string>();
        _mlContext.Log += (_, log) =>
        {
            if (log.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning)
                warnings.Add(log.RawMessage);
        };

        var metrics = Evaluate(protocol, options =>
        {
            options.Tasks = protocol == "choices" ? ["arc easy"] : ["OWN"];
            options.ResultsFolder = _folder.File("results");
        });

        var task = Assert.Single(metrics.Tasks);
        Assert.Equal((12, 1), (task.RowCount, task.UnansweredCount));
        Assert.Contains("is empty", task.Answers[3].Problem, StringComparison.Ordinal);
        Assert.Equal(
            whole.Answers.Index().Where(a => a.Index != 3).Select(a => a.Item.LogLikelihoods),
            task.Answers.Index().Where(a => a.Index != 3).Select(a => a.Item.LogLikelihoods));
        Assert.Contains(warnings, line => line.Contains("1 of 12 questions cannot be asked", StringComparison.Ordinal)
            && line.Contains("question 4: Answer 2 of 4 is empty", StringComparison.Ordinal));
        Assert.Contains("| 12 |", new BenchmarkReport([metrics]).ToMarkdown(), StringComparison.Ordinal);
        Assert.Equal(task.NormalizedAccuracy is null, protocol == "likelihood");
    }

    [Fact]
    public void ATaskOfWhichNoQuestionCanBeAskedIsAnError()
    {
        File.WriteAllText(Path.Combine(Benchmarks, "my-own", "test.json"),
            """{"instruction": "Which?\n\nAnswer format: a//c", "input": "", "output": "the correct answer is a", "answer": "a"}""");

        var error = Assert.Throws<InvalidOperationException>(() => Evaluate("likelihood"));

        Assert.Contains("none of its 1 questions can be asked. The first: Answer 2 of 3 is empty", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ARC-e", "WinoGrande", "my-own")]
    [InlineData("arc_easy", "wino grande", "MY_OWN")]
    [InlineData("ARC Easy", "WINOGRANDE", "my own")]
    public void TasksGoByAllTheirNames(params string[] names) =>
        Assert.Equal(["WinoGrande", "ARC-e", "my-own"], Evaluate("likelihood", options => options.Tasks = names).Tasks.Select(task => task.Task));

    [Fact]
    public void OptionsThatMakeNoSenseAreNamedTogether()
    {
        var error = Assert.Throws<ArgumentException>(() => Catalog.EvaluateBackbone(_tuned.BackbonePath, Benchmarks, new BenchmarkOptions
        {
            MaximumRows = 0, BatchTokens = 0, MaximumTokens = 1, Protocol = new GenerationProtocol { Beams = 0 },
        }));

        Assert.All(new[] { "MaximumRows", "BatchTokens", "MaximumTokens", "Beams" }, name => Assert.Contains(name, error.Message, StringComparison.Ordinal));
        foreach (var names in (string?[][])[[], ["BoolQ", null], [" "]])
            Assert.Contains("Tasks is empty or has an empty name", Assert.Throws<ArgumentException>(
                () => Evaluate("likelihood", options => options.Tasks = names!)).Message, StringComparison.Ordinal);
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
