namespace Microsoft.ML.Moka.Tests.Evaluation;

/// <summary>The published questions on real backbones.</summary>
[Trait("Category", "Material")]
public sealed class MaterialEvaluationTests
{
    private readonly MLContext _mlContext = new(seed: 1);

    public static TheoryData<string?, string> Cases =>
        new MatrixTheoryData<string?, string>([null, "stories260K"], ["likelihood", "choices", "greedy", "beams"]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void AllTasksAreAnsweredByEveryProtocolAndAloneAsInBatches(string? backbone, string protocol)
    {
        var folder = Material.Require("benchmarks");
        var options = new BenchmarkOptions
        {
            MaximumRows = 6,
            Protocol = protocol switch
            {
                "choices" => new ChoiceLikelihoodProtocol(),
                "greedy" => new GenerationProtocol { MaximumNewTokens = 8 },
                "beams" => new GenerationProtocol { MaximumNewTokens = 4, Beams = 4 },
                _ => new LikelihoodProtocol(),
            },
        };

        var together = Evaluate();
        options.BatchTokens = 1;
        var alone = Evaluate();

        Assert.Equal(BenchmarkTask.All.Select(task => task.Name), together.Tasks.Select(task => task.Task));
        foreach (var (expected, actual) in together.Tasks.SelectMany(task => task.Answers).Zip(alone.Tasks.SelectMany(task => task.Answers)))
        {
            Assert.Equal(expected.Output, actual.Output);
            Assert.Equal(expected.LogLikelihoods, actual.LogLikelihoods);
        }
        Assert.Contains("| OBQA |", new BenchmarkReport([together]).ToMarkdown(), StringComparison.Ordinal);

        BenchmarkMetrics Evaluate() =>
            _mlContext.MulticlassClassification.EvaluateBackbone(backbone is null ? null : Material.Require(backbone), folder, options);
    }
}
