using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "answers": what scoring several candidate answers to a prompt costs, compared with one of them, step by step in turn.</summary>
internal static class AnswersCommand
{
    public static CliCommand Create()
    {
        var model = new Option<string>("--model") { Description = "The shape, as of 'step'.", DefaultValueFactory = _ => "smol" };
        var candidates = Number("--candidates", 4, "Candidate answers of a prompt.");
        var prompt = Number("--prompt", 128, "Tokens of a prompt.");
        var opening = Number("--opening", 1, "Tokens that all prompts begin with.");
        var answer = Number("--answer", 6, "Tokens of an answer.");
        var shared = new Option<int>("--shared") { Description = "Tokens that all answers begin with.", DefaultValueFactory = _ => 0 };
        var batch = Number("--batch", 8, "Prompts of a step.");
        var steps = Number("--steps", 5, "How many steps are measured, after one that is not.");
        var threads = Number("--threads", 2, "Threads of a kernel.");
        model.AcceptOnlyFromAmong([.. StepRun.Configs.Keys]);
        var command =
            new CliCommand("answers", "Scoring several candidate answers to a prompt, compared with scoring one.") { model, candidates, prompt, opening, answer,
                shared, batch, steps, threads };
        command.SetAction(parsed =>
        {
            var config = StepRun.Configs[parsed.GetValue(model)!];
            using var backend = new CpuBackend(parsed.GetValue(threads));
            using var backbone = LlamaBackbone.Frozen(backend, config, new PeerWeights(config, quantized: true));
            var scorer = new LikelihoodScorer(backbone, null);
            var random = new SeededRandom(2);
            var beginning = Ids(parsed.GetValue(opening));
            ScoringRow[] rows = [.. Enumerable.Range(0, parsed.GetValue(batch)).Select(_ => Row())];
            var all = Sets(rows);
            var one = Sets(rows.Select(row => row with { Answers = [row.Answers[0]] }));
            var times = new List<(double All, double One)>();
            var (computedByAll, computedByOne) = (0, 0);
            for (var step = 0; step <= parsed.GetValue(steps); step++)
            {
                var start = Stopwatch.GetTimestamp();
                scorer.ScoreBatch(all, out computedByAll);
                var middle = Stopwatch.GetTimestamp();
                scorer.ScoreBatch(one, out computedByOne);
                if (step > 0)
                    times.Add((Stopwatch.GetElapsedTime(start, middle).TotalSeconds, Stopwatch.GetElapsedTime(middle).TotalSeconds));
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{parsed.GetValue(candidates)} candidates {times.Min(t => t.All):f3}s ({computedByAll} tokens), " +
                $"one {times.Min(t => t.One):f3}s ({computedByOne} tokens): " +
                $"ratio of the best {times.Min(t => t.All) / times.Min(t => t.One):f2}, " +
                $"median ratio {times.Select(t => t.All / t.One).Order().ElementAt(times.Count / 2):f2}, n={times.Count}"));

            ScoringRow Row()
            {
                var alike = Ids(parsed.GetValue(shared));
                return new ScoringRow(
                    [.. beginning, .. Ids(parsed.GetValue(prompt) - beginning.Length)],
                    [.. Enumerable.Range(0, parsed.GetValue(candidates)).Select(_ => (int[])[.. alike, .. Ids(parsed.GetValue(answer) - alike.Length)])],
                    PromptIsCut: false);
            }

            SequenceSet[] Sets(IEnumerable<ScoringRow> rows) => [.. rows.Select(row => new SequenceSet(row) { Opening = beginning.Length })];

            int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextInt32(config.VocabularySize))];
        });
        return command;
    }

    private static Option<int> Number(string name, int usual, string description)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => usual };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(option) < 1)
                result.AddError($"{name} must be at least 1.");
        });
        return option;
    }
}
