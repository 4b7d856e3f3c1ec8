using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>A real pretrained LLaMA of 135 million parameters, as a GGUF in 4 bits.</summary>
[Trait("Category", "Material")]
public sealed class SmolLm2Tests(ITestOutputHelper output)
{
    private const string Folder = "smollm2-135m-instruct";
    private const string Words = "words";

    private static readonly string[] Protocols = [Words, "choices"];
    private static readonly string[] Tasks = ["boolq", "piqa", "social_i_qa", "hellaswag", "winogrande", "ARC-Easy", "ARC-Challenge", "openbookqa"];

    public static TheoryData<string, string> TasksAndProtocols => [.. from protocol in Protocols from task in Tasks select (task, protocol)];

    [Fact]
    public void Logits_are_those_of_transformers()
    {
        var expected = SafetensorsFile.Open(Material.Require($"{Folder}/expected.safetensors"));
        using var backend = new CpuBackend(threads: 2);
        var clock = Stopwatch.StartNew();
        using var backbone = Load(backend);
        output.WriteLine($"Loaded {backbone.Config.ParameterCount:N0} parameters in {clock.Elapsed.TotalSeconds:0.00} s.");
        // The maps and the embedding as the file has them, at 5 and 8.5 bits a weight.
        Assert.InRange(backbone.ByteCount, 96_000_000, 98_362_432);
        AssertClose("logits", expected["logits"].ToFloats(), TinyLlama.Logits(backbone, Batch(expected), rows: Rows(expected)));
    }

    [Fact]
    public void A_mixture_has_the_logits_loss_and_gradients_of_PyTorch()
    {
        var expected = SafetensorsFile.Open(Material.Require($"{Folder}/expected.safetensors"));
        using var backend = new CpuBackend(threads: 2);
        using var backbone = Load(backend);
        var maps = backbone.Config.LinearMaps.Where(map => expected.Contains($"moka.param.{map.Name}.gate")).ToList();
        var options = new ExpectedMixture(expected) { TargetModules = [.. maps.Select(map => map.Name)] };
        using var adapters = AdapterSet.Create(backend, options, backbone.Config.LinearMaps, new ExpectedValues(expected));
        AssertClose("logits", expected["moka.logits"].ToFloats(), TinyLlama.Logits(backbone, Batch(expected), adapters, rows: Rows(expected)));
        var losses = TinyLlama.Losses(backbone, [.. Ids(expected["ids"]).Chunk(expected["ids"].Shape[1])], adapters);
        Assert.Equal(expected["moka.loss"].ToFloats()[0], losses.Average(), 1e-4);
        var errors = new Dictionary<string, double>();
        foreach (var adapter in adapters.Adapters)
        {
            Compare(adapter.Gates!, "gate");
            foreach (var (rule, stack, _, parameter) in adapter.StoredFactors)
                Compare(parameter!, $"{rule.Name["moka_".Length..]}.{stack.First}");

            void Compare(Parameter parameter, string name) => errors[$"{adapter.Plan.Map.Name}.{name}"] =
                Error(expected[$"moka.grad.{adapter.Plan.Map.Name}.{name}"].ToFloats(), TinyLlama.Download(backend, parameter.Gradient));
        }
        Assert.Equal(expected.Names.Count(name => name.StartsWith("moka.grad.", StringComparison.Ordinal)), errors.Count);
        foreach (var (name, error) in errors.OrderByDescending(error => error.Value).Take(3))
            output.WriteLine($"{name}: the largest error is {error:e1} of the largest gradient.");
        Assert.InRange(errors.Values.Max(), 0, 1e-3);
    }

    [Fact]
    public void Log_likelihoods_of_the_first_rows_are_those_of_transformers()
    {
        foreach (var task in Tasks)
            foreach (var protocol in Protocols)
                CompareLikelihoods(task, protocol, rows: 3);
    }

    /// <summary>
    /// All rows, ten minutes: <c>dotnet Moka.Tests.dll -explicit only -class '*SmolLm2Tests'</c>. Each task and protocol is a test of its own, so that
    /// they can be run in pieces.
    /// </summary>
    [Theory(Explicit = true)]
    [MemberData(nameof(TasksAndProtocols))]
    public void Log_likelihoods_of_all_rows_are_those_of_transformers(string task, string protocol) => CompareLikelihoods(task, protocol, rows: null);

    private void CompareLikelihoods(string task, string protocol, int? rows)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Material.Require($"{Folder}/untuned.json")));
        var reference = json.RootElement.GetProperty("tasks").GetProperty(task).GetProperty(protocol).GetProperty("log_likelihoods").EnumerateArray()
            .Select(row => row.EnumerateArray().Select(value => value.GetDouble()).ToArray()).ToArray();
        var options = new BenchmarkOptions
        {
            Protocol = protocol == Words ? new LikelihoodProtocol() : new ChoiceLikelihoodProtocol(),
            MaximumRows = rows ?? reference.Length,
        };
        var metrics = new MLContext().MulticlassClassification.EvaluateBackbone(PathOf(), Material.Require($"benchmarks/{task}"), options);
        var answers = metrics.Tasks.Single().Answers;
        Assert.Equal(rows ?? reference.Length, answers.Count);
        var differences = answers.Zip(reference, (answer, expected) =>
        {
            Assert.Equal(expected.Length, answer.LogLikelihoods!.Count);
            return expected.Zip(answer.LogLikelihoods, (e, a) => Math.Abs(e - a));
        }).SelectMany(row => row).ToList();
        output.WriteLine($"{task}, {protocol}: the largest difference of {differences.Count:N0} log-likelihoods is {differences.Max():e1}.");
        Assert.InRange(differences.Max(), 0, 0.01);
    }

    [Fact]
    public void Greedy_generation_gives_the_tokens_of_transformers()
    {
        using var backend = new CpuBackend(threads: 2);
        using var backbone = Load(backend);
        foreach (var (prompt, written, _, _) in Texts())
        {
            var tokens = new Generator(backbone).Generate([prompt], new GenerationOptions { MaxNewTokens = written.Length,
                StopTokens = backbone.Config.EosTokenIds })[0];
            // The token at which a text ends counts among the reference's.
            Assert.Equal(written.TakeWhile(id => !backbone.Config.EosTokenIds.Contains(id)), tokens.TakeWhile(id => !backbone.Config.EosTokenIds.Contains(id)));
        }
    }

    [Fact]
    public void Texts_have_the_ids_of_transformers_and_ids_its_texts()
    {
        var tokenizer = BackboneTokenizer.Load(new GgufFiles(PathOf()));
        foreach (var (ids, written, prompt, text) in Texts())
        {
            if (prompt is not null)
                Assert.Equal(ids, tokenizer.Encode(prompt, tokenizer.StartsWithBeginOfSequence));
            Assert.Equal(text, tokenizer.Decode(written));
        }
    }

    [Fact]
    public void The_tokenizer_has_the_files_ends_and_template()
    {
        var files = new GgufFiles(PathOf());
        var tokenizer = BackboneTokenizer.Load(files);
        Assert.False(tokenizer.StartsWithBeginOfSequence);
        Assert.Equal(2, tokenizer.EndOfSequence);
        using var config = JsonDocument.Parse(files.ReadAll("tokenizer_config.json"));
        Assert.Contains("<|im_start|>system", config.RootElement.GetProperty("chat_template").GetString(), StringComparison.Ordinal);
    }

    private static string PathOf() => Directory.GetFiles(Material.Require(Folder), "*.gguf").Single();

    /// <summary>As it is loaded by default.</summary>
    private static LlamaBackbone Load(CpuBackend backend) => LlamaBackbone.Load(backend, new GgufFiles(PathOf()),
        new QuantizationOptions(new MokaTrainer.Options().Quantization));

    private static RaggedBatch Batch(SafetensorsFile expected) => RaggedBatch.Of(Ids(expected["ids"]).Chunk(expected["ids"].Shape[1]));

    private static int[] Rows(SafetensorsFile expected) =>
        [.. from sequence in Enumerable.Range(0, expected["ids"].Shape[0]) from position in Ids(expected["positions"])
            select sequence * expected["ids"].Shape[1] + position];

    private void AssertClose(string what, float[] expected, float[] actual)
    {
        var error = Error(expected, actual);
        output.WriteLine($"{what}: the largest error is {error:e1} of the largest.");
        Assert.InRange(error, 0, 1e-3);
    }

    private static double Error(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max() / expected.Max(Math.Abs);
    }

    /// <summary>Ids of prompts and of what follows; chats have no prompt of one text.</summary>
    private static List<(int[] Ids, int[] Written, string? Prompt, string Text)> Texts()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Material.Require($"{Folder}/expected.json")));
        return [.. from kind in (string[])["greedy", "chat"]
                   from item in json.RootElement.GetProperty(kind).EnumerateArray()
                   select (Ids(item.GetProperty("ids")), Ids(item.GetProperty("new_ids")), kind == "greedy" ? item.GetProperty("prompt").GetString() : null,
                       item.GetProperty("text").GetString()!)];
    }

    private static int[] Ids(SafetensorsTensor tensor) => [.. MemoryMarshal.Cast<byte, long>(tensor.Data.Span).ToArray().Select(id => (int)id)];

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];
}
