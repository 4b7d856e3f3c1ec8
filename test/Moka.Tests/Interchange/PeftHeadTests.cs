using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>Adapters of PEFT's SEQ_CLS, whose head is the saved module <c>score</c>.</summary>
public sealed class PeftHeadTests : IDisposable
{
    private const string Name = "base_model.model.score.weight";
    private const int Width = 32;

    // As PEFT writes it: the module "classifier" is named too, which a LLaMA has not.
    private const string Config = """
        {"peft_type":"LORA","task_type":"SEQ_CLS","r":4,"lora_alpha":8,"target_modules":["q_proj","v_proj"],"modules_to_save":["classifier","score"],
         "bias":"none","inference_mode":true,"use_dora":false,"use_rslora":false,"fan_in_fan_out":false}
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Names => [Name, "base_model.model.score.modules_to_save.default.weight", "base_model.model.score.modules_to_save.weight"];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_head_is_read_and_written_as_PEFT_has_it(string name)
    {
        var head = PeftFolder.Random(name, 7, Width);
        var original = PeftFolder.Random("base_model.model.score.original_module.weight", 7, Width);
        using var backend = new CpuBackend(threads: 1);
        using var stored = Open(PeftFolder.Config(Config), [head, original]);
        using var adapters = stored.Load(backend);

        Assert.Equal(new ScoreHeadRule(MokaHead.LastToken, 7, Width), adapters.Head!.Rule);
        Assert.Equal(head.ToFloats(), TinyLlama.Download(backend, adapters.Head.Parameter.Value));

        var written = JsonNode.Parse(AdapterConfigFile.Write(adapters.Options, PeftFolder.Maps, null))!;
        Assert.Equal("SEQ_CLS", (string?)written["task_type"]);
        Assert.Equal("score", (string?)Assert.Single(written["modules_to_save"]!.AsArray()));
        Assert.Equal(head.ToFloats(), AdapterTensors.From(backend, adapters).Single(tensor => tensor.Name == Name).ToFloats());
    }

    [Fact]
    public void A_saved_score_without_a_task_type_is_the_same_head()
    {
        var fields = PeftFolder.Config(Config);
        fields["task_type"] = null;
        fields["modules_to_save"] = new JsonArray("score");
        using var stored = Open(fields, [PeftFolder.AsBFloat16(PeftFolder.Random(Name, 3, Width))]);
        Assert.Equal(new ScoreHeadRule(MokaHead.LastToken, 3, Width), stored.Options.Head);
    }

    [Fact]
    public void Head_and_tables_are_saved_side_by_side()
    {
        var fields = PeftFolder.Config(Config);
        fields["modules_to_save"] = new JsonArray("score", "embed_tokens");
        using var stored = Open(fields, [PeftFolder.Random(Name, 3, Width), PeftFolder.Random("base_model.model.model.embed_tokens.weight", 320, Width)]);
        var written = JsonNode.Parse(AdapterConfigFile.Write(stored.Options, PeftFolder.Maps, null))!;
        Assert.Equal(["embed_tokens", "score"], written["modules_to_save"]!.AsArray().Select(node => (string?)node));
    }

    /// <summary>PEFT knows its own task types, and refuses others: a mean it would read as a last token.</summary>
    [Fact]
    public void A_mean_has_a_task_type_that_PEFT_refuses()
    {
        using var backend = new CpuBackend(threads: 1);
        var options = new LoraAdapter { Rank = 4 }.WithHead(new ScoreHeadRule(MokaHead.Mean, 3, Width));
        using var adapters = AdapterSet.Create(backend, options, PeftFolder.Maps, seed: 1);
        var fields = PeftFolder.Config(System.Text.Encoding.UTF8.GetString(AdapterConfigFile.Write(options, PeftFolder.Maps, null)));
        Assert.Equal("MOKA_MEAN_SEQ_CLS", (string?)fields["task_type"]);
        using var stored = StoredAdapter.Open(
            PeftFolder.Write(_folder.File("mean"), fields, AdapterTensors.From(backend, adapters)), PeftFolder.Maps, PeftFolder.Shape);
        Assert.Equal(options.Head, stored.Options.Head);
    }

    [Theory]
    [InlineData("{\"task_type\":\"TOKEN_CLS\"}", "task_type", 3, Width)]
    [InlineData("{\"task_type\":\"QUESTION_ANS\"}", "task_type", 3, Width)]
    [InlineData("{}", "score.weight", 3, Width + 1)]
    [InlineData("{}", "modules_to_save=[\"score\"]", 0, Width)]
    [InlineData("{\"task_type\":\"CAUSAL_LM\"}", "modules_to_save", 0, Width)]
    [InlineData("{\"modules_to_save\":[\"pooler\"]}", "'pooler'", 3, Width)]
    public void Heads_that_are_not_understood_are_refused_by_name(string changes, string part, int outputs, int width)
    {
        var fields = PeftFolder.Config(Config);
        foreach (var (name, value) in PeftFolder.Config(changes))
            fields[name] = value?.DeepClone();
        SafetensorsTensor[] head = outputs == 0 ? [] : [PeftFolder.Random(Name, outputs, width)];
        Assert.Contains(part, Assert.Throws<InvalidDataException>(() => Open(fields, head).Dispose()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bias_of_the_head_is_not_left_out_in_silence()
    {
        using var backend = new CpuBackend(threads: 1);
        using var stored = Open(PeftFolder.Config(Config), [PeftFolder.Random(Name, 3, Width), PeftFolder.Random("base_model.model.score.bias", 3)]);
        Assert.Contains("score.bias", Assert.Throws<InvalidDataException>(() => stored.Load(backend)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_methods_file_keeps_the_head()
    {
        using var backend = new CpuBackend(threads: 1);
        var options = new CdkaAdapter { Filters = 1 }.WithHead(new ScoreHeadRule(MokaHead.LastToken, 3, Width));
        using var adapters = AdapterSet.Create(backend, options, PeftFolder.Maps, seed: 1);
        foreach (var format in (AdapterFileFormat[])[AdapterFileFormat.Lora, AdapterFileFormat.Lokr])
        {
            var (converted, tensors) = AdapterConversion.Convert(format, backend, adapters);
            Assert.Equal(options.Head, converted.Head);
            Assert.Contains(Name, tensors.Select(tensor => tensor.Name));
        }
    }

    private StoredAdapter Open(JsonObject fields, IEnumerable<SafetensorsTensor> tensors) => StoredAdapter.Open(
        PeftFolder.Write(_folder.File("adapter"), fields, [.. PeftFolder.Lora(4, "q_proj", "v_proj"), .. tensors]), PeftFolder.Maps, PeftFolder.Shape);
}
