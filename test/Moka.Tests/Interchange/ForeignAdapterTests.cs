using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Interchange;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>Folders that PEFT wrote, and folders that nobody should have written.</summary>
public sealed class ForeignAdapterTests : IDisposable
{
    private const string Lora = """{"peft_type":"LORA","r":4,"lora_alpha":12,"target_modules":["q_proj","v_proj"]}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void LoraMeansTheScaledProduct()
    {
        var tensors = PeftFolder.Lora(4, "q_proj", "v_proj");

        var updates = PeftFolder.Updates(Write(Lora, tensors));

        Assert.Equal(
            ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj", "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"],
            updates.Keys);
        AssertClose(Product(tensors, "model.layers.1.self_attn.v_proj", 3), updates["model.layers.1.self_attn.v_proj"]);
        AssertClose(Product(tensors, "model.layers.1.self_attn.v_proj", 6),
            PeftFolder.Updates(Write(Lora.Replace("{", """{"use_rslora":true,"""), tensors))["model.layers.1.self_attn.v_proj"]);
    }

    [Theory]
    [InlineData("""["self_attn.q_proj","v_proj","gate_up_proj"]""")]
    [InlineData("null")]
    [InlineData("\".*\\\\.self_attn\\\\.(q|v)_proj\"")]
    [InlineData("\".*layers\\\\.[0-9]+\\\\.self_attn\\\\.[qv]_proj\"")]
    [InlineData("\".*layers\\\\.[0-9]{,2}\\\\.self_attn\\\\.(?P<which>q|v)_proj\"")]
    public void TargetModulesAreNamesARegularExpressionOrLeftToTheTensors(string targets)
    {
        var tensors = PeftFolder.Lora(4, "q_proj", "v_proj");
        var expected = PeftFolder.Updates(Write(Lora, tensors));

        Assert.Equal(expected, PeftFolder.Updates(Write(With("target_modules", targets), tensors)));
    }

    [Fact]
    public void AllLinearLayersAndExceptionsAreUnderstood()
    {
        string[] all = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
        Assert.Equal(14, PeftFolder.Updates(Write(With("target_modules", "\"all-linear\""), PeftFolder.Lora(4, all))).Count);

        var second = PeftFolder.Lora(4, "q_proj", "v_proj").Where(tensor => tensor.Name.Contains("layers.1.", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, PeftFolder.Updates(Write(With("layers_to_transform", "1"), second)).Count);
        Assert.Equal(2, PeftFolder.Updates(Write(With("layers_to_transform", "[1]"), second)).Count);
        Assert.Equal(2, PeftFolder.Updates(Write(With("exclude_modules", "\".*layers\\\\.0\\\\..*\""), second)).Count);

        var both = second.Concat(PeftFolder.Lora(4, "q_proj").Where(tensor => tensor.Name.Contains("layers.0.", StringComparison.Ordinal)));
        var excluding = Write(With("exclude_modules", """["model.layers.0.self_attn.v_proj"]"""), both);
        var options = StoredAdapter.Open(excluding, PeftFolder.Maps, PeftFolder.Shape).Options;
        Assert.Equal(["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"], options.TargetModules);
    }

    [Theory]
    [InlineData("init_lora_weights", "\"gaussian\"")]
    [InlineData("init_lora_weights", "\"eva\"")]
    [InlineData("init_lora_weights", "false")]
    [InlineData("use_something_of_next_year", "false")]
    [InlineData("alpha_of_next_year", "16")]
    [InlineData("eva_config", """{"rho":2}""")]
    public void AFieldThatChangesNothingIsPassedOver(string field, string value)
    {
        var tensors = PeftFolder.Lora(4, "q_proj", "v_proj");
        var expected = PeftFolder.Updates(Write(Lora, tensors));
        Assert.Equal(expected, PeftFolder.Updates(Write(With(field, value), tensors)));
    }

    [Theory]
    [InlineData("""["q_proj","v_proj"]""")]
    [InlineData("""["layers.0.self_attn.q_proj","layers.1.self_attn.q_proj","v_proj"]""")]
    public void AnAdapterOfABackboneWithoutItsHeadIsTheSame(string targets)
    {
        var tensors = PeftFolder.Lora(4, "q_proj", "v_proj");
        var expected = PeftFolder.Updates(Write(Lora, tensors));
        var headless = tensors.Select(tensor => tensor with { Name = tensor.Name.Replace("model.model.", "model.", StringComparison.Ordinal) }).ToList();
        Assert.All(headless, tensor => Assert.StartsWith("base_model.model.layers.", tensor.Name));
        Assert.Equal(expected, PeftFolder.Updates(Write(With("target_modules", targets), headless)));
    }

    [Fact]
    public void TheNameOfTheAdapterInsideTensorNamesIsPassedOver()
    {
        var tensors = PeftFolder.Lora(4, "q_proj", "v_proj");
        var expected = PeftFolder.Updates(Write(Lora, tensors));
        var named = tensors.Select(tensor => tensor with { Name = tensor.Name.Replace(".weight", ".default.weight", StringComparison.Ordinal) }).ToList();

        Assert.Equal(expected, PeftFolder.Updates(Write(Lora, named)));

        Assert.Contains("are the same one", Refusal(Lora, named.Append(tensors[0])), StringComparison.Ordinal);
    }

    [Fact]
    public void SixteenBitTensorsAreRead()
    {
        var tensors = PeftFolder.Lora(4, "q_proj", "v_proj");
        var expected = PeftFolder.Updates(Write(Lora, tensors));

        foreach (var narrow in (Func<SafetensorsTensor, SafetensorsTensor>[])[PeftFolder.AsHalf, PeftFolder.AsBFloat16])
        {
            var updates = PeftFolder.Updates(Write(Lora, tensors.Select(narrow)));
            foreach (var (map, update) in expected)
                AssertClose(update, updates[map], 0.02);
        }
    }

    [Theory]
    [InlineData("modules_to_save", """["lm_head"]""")]
    [InlineData("layer_replication", "[[0,2],[1,2]]")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("bias", "\"some\"")]
    [InlineData("rank_pattern", """{"(":8}""")]
    [InlineData("rank_pattern", "[4]")]
    [InlineData("modules_to_save", """["norm"]""")]
    [InlineData("trainable_token_indices", "[1,1]")]
    [InlineData("trainable_token_indices", "[1,320]")]
    [InlineData("trainable_token_indices", """{"norm":[1]}""")]
    [InlineData("alora_invocation_tokens", "[1]")]
    [InlineData("init_lora_weights", "\"pissa_niter_4\"")]
    [InlineData("init_lora_weights", "\"lora-ga\"")]
    [InlineData("init_lora_weights", "\"something of next year\"")]
    [InlineData("use_something_of_next_year", "true")]
    [InlineData("rank_pattern", """{"q_proj":4.5}""", "rank_pattern.q_proj")]
    [InlineData("layers_pattern", "\"blocks\"")]
    [InlineData("layers_to_transform", "[7]")]
    [InlineData("layers_to_transform", "\"all\"")]
    [InlineData("target_modules", "[\"c_attn\"]")]
    [InlineData("target_modules", "\"q_proj\"")]
    [InlineData("target_modules", "\"(\"")]
    [InlineData("target_modules", "\"(.*.*.*.*)*x\"")]
    [InlineData("target_modules", "5")]
    [InlineData("peft_type", "\"IA3\"")]
    [InlineData("r", "0")]
    [InlineData("r", "\"four\"")]
    [InlineData("lora_alpha", "[]")]
    [InlineData("lora_dropout", "2")]
    public void AFieldThatCannotBeFollowedIsNamed(string field, string value, string? named = null)
    {
        var error = Refusal(With(field, value), PeftFolder.Lora(4, "q_proj", "v_proj"));

        Assert.Contains($"'{named ?? field}'", error, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(_folder.Path, "adapter_config.json"), error, StringComparison.Ordinal);
    }

    [Fact]
    public void SingleModulesMayHaveRanksAndAlphasOfTheirOwn()
    {
        List<SafetensorsTensor> tensors = [.. PeftFolder.Lora(4, "v_proj"), .. PeftFolder.Lora(8, "q_proj")];
        var config = PeftFolder.Config(Lora);
        config["rank_pattern"] = JsonNode.Parse("""{"q_proj":8}""");
        config["alpha_pattern"] = JsonNode.Parse("""{"layers\\.1\\.self_attn\\.q_proj":16,".*\\.0\\.self_attn.v_proj":2,"v_proj":20}""");

        var updates = PeftFolder.Updates(Write(config.ToJsonString(), tensors));

        foreach (var (map, scale) in (IEnumerable<(string, float)>)[("0.self_attn.q_proj", 1.5f), ("1.self_attn.q_proj", 2), ("0.self_attn.v_proj", 0.5f),
            ("1.self_attn.v_proj", 5)])
            AssertClose(Product(tensors, $"model.layers.{map}", scale), updates[$"model.layers.{map}"]);
        // The first that matches counts, in the order of the file.
        config["alpha_pattern"] = JsonNode.Parse("""{"v_proj":20,".*\\.0\\.self_attn.v_proj":2}""");
        updates = PeftFolder.Updates(Write(config.ToJsonString(), tensors));
        AssertClose(Product(tensors, "model.layers.0.self_attn.v_proj", 5), updates["model.layers.0.self_attn.v_proj"]);

        var options = StoredAdapter.Open(_folder.Path, PeftFolder.Maps, PeftFolder.Shape).Options;
        File.WriteAllBytes(_folder.File("adapter_config.json"), AdapterConfigFile.Write(options, PeftFolder.Maps, null));
        Assert.Equal(updates, PeftFolder.Updates(_folder.Path));
        Assert.Contains("'rank_pattern.q_proj'", Refusal(With("rank_pattern", """{"q_proj":0}"""), tensors), StringComparison.Ordinal);
        Assert.Contains("'rank_pattern' is set, and CDKA", Refusal(
            """{"peft_type":"CDKA","r":1,"r1":1,"r2":1,"cdka_alpha":1,"target_modules":["q_proj"],"rank_pattern":{"q_proj":2}}""", tensors),
            StringComparison.Ordinal);
    }

    [Fact]
    public void LokrMeansTheKroneckerProductOfWhatTheFileHolds()
    {
        const string config = """{"peft_type":"LOKR","r":2,"alpha":6,"decompose_both":true,"target_modules":["q_proj"]}""";
        var map = PeftFolder.Maps[0];
        var name = AdapterTensors.NameOf(map, "lokr_");
        // No decompose_factor gives 2x8: such files come from other programs.
        List<SafetensorsTensor> second = [.. PeftFolder.Lokr(4, "q_proj").Where(tensor => tensor.Name.Contains("layers.1.", StringComparison.Ordinal))];
        List<SafetensorsTensor> tensors =
            [PeftFolder.Random($"{name}w1", 2, 8), PeftFolder.Random($"{name}w2_a", 16, 2), PeftFolder.Random($"{name}w2_b", 2, 4), .. second];

        var update = PeftFolder.Updates(Write(config, tensors))[map.Name];

        var (w1, a, b) = (tensors[0].ToFloats(), tensors[1].ToFloats(), tensors[2].ToFloats());
        AssertClose([.. Enumerable.Range(0, 32 * 32).Select(i =>
        {
            var (row, column) = (i / 32, i % 32);
            var right = a[row % 16 * 2] * b[column % 4] + a[row % 16 * 2 + 1] * b[4 + column % 4];
            return 3 * w1[row / 16 * 8 + column / 4] * right;
        })], update);
        Assert.Contains("lokr_w1", Refusal(config, [PeftFolder.Random($"{name}w1", 3, 8), .. tensors[1..]]), StringComparison.Ordinal);
        Assert.Contains("lokr_w2_b", Refusal(config, [tensors[0], tensors[1], .. second]), StringComparison.Ordinal);
        Assert.Contains(
            "Rank is not that of the factors", Refusal(config.Replace("\"r\":2", "\"r\":3", StringComparison.Ordinal), tensors), StringComparison.Ordinal);
        Assert.Contains("lokr_t2", Refusal(config, [PeftFolder.Random($"{name}t2", 2, 2), .. tensors]), StringComparison.Ordinal);
    }

    [Fact]
    public void TensorsThatAreMissingUnknownOrOfAnotherShapeAreNamed()
    {
        var tensors = PeftFolder.Lora(4, "q_proj", "v_proj");
        var last = tensors[^1];
        Assert.Contains(last.Name, Refusal(Lora, tensors[..^1]), StringComparison.Ordinal);
        Assert.Contains(last.Name, Refusal(Lora, [.. tensors[..^1], PeftFolder.Random(last.Name, 4, 4)]), StringComparison.Ordinal);
        Assert.Contains("[4, 4]", Refusal(Lora, [.. tensors[..^1], PeftFolder.Random(last.Name, 4, 4)]), StringComparison.Ordinal);
        Assert.Contains(
            "lm_head.lora_A.weight", Refusal(Lora, [.. tensors, PeftFolder.Random("base_model.model.lm_head.lora_A.weight", 4, 32)]), StringComparison.Ordinal);
        Assert.Contains("k_proj.lora_A.weight", Refusal(Lora, [.. tensors, .. PeftFolder.Lora(4, "k_proj")]), StringComparison.Ordinal);
        Assert.Contains(last.Name, Refusal(Lora, [.. tensors[..^1], SafetensorsTensor.Of(last.Name, [.. last.ToFloats()[..^1], float.NaN], [.. last.Shape])]),
            StringComparison.Ordinal);
        Assert.Contains("another backbone",
            Refusal(With("target_modules", "null"), [PeftFolder.Random("base_model.model.transformer.h.0.lora_A.weight", 4, 4)]), StringComparison.Ordinal);
        Assert.Contains("holds no tensors", Refusal(With("target_modules", "null"), []), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsNoAdapterIsSaid()
    {
        Assert.Contains("no adapter_config.json", NotFound(), StringComparison.Ordinal);
        File.WriteAllText(_folder.File("adapter_config.json"), Lora);
        File.WriteAllText(_folder.File("adapter_model.bin"), "pickle");
        Assert.Contains("safe_serialization", NotFound(), StringComparison.Ordinal);

        string NotFound() => Assert.Throws<FileNotFoundException>(() => StoredAdapter.Open(_folder.Path, PeftFolder.Maps, PeftFolder.Shape)).Message;
    }

    [Fact]
    public void OptionsThatAskForMoreThanIsThereAllocateNothing()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();

        var error = Refusal("""{"peft_type":"CDKA","r":1024,"r1":1,"r2":1,"cdka_alpha":1,"target_modules":["q_proj"]}""", PeftFolder.Lora(4, "q_proj"));

        Assert.Contains("parameters, more than", error, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Fact]
    public void FilesThatWereCutOrDamagedAnywhereAreAnErrorOrChangeNothing()
    {
        Write(Lora, PeftFolder.Lora(4, "q_proj", "v_proj"));
        var random = new Random(3);
        foreach (var name in (string[])["adapter_config.json", "adapter_model.safetensors"])
        {
            var whole = File.ReadAllBytes(_folder.File(name));
            for (var length = 0; length < whole.Length; length += 1 + whole.Length / 40)
            {
                File.WriteAllBytes(_folder.File(name), whole[..length]);
                Assert.Throws<InvalidDataException>(() => PeftFolder.Updates(_folder.Path));
            }
            for (var i = 0; i < 60; i++)
            {
                var bytes = (byte[])whole.Clone();
                bytes[random.Next(Math.Min(bytes.Length, 2000))] ^= (byte)(1 << random.Next(8));
                File.WriteAllBytes(_folder.File(name), bytes);
                try
                {
                    PeftFolder.Updates(_folder.Path);
                }
                catch (InvalidDataException)
                {
                }
            }
            File.WriteAllBytes(_folder.File(name), whole);
        }
    }

    private static string With(string field, string value)
    {
        var config = PeftFolder.Config(Lora);
        config[field] = JsonNode.Parse(value);
        return config.ToJsonString();
    }

    private string Write(string config, IEnumerable<SafetensorsTensor> tensors)
    {
        File.WriteAllBytes(_folder.File("adapter_config.json"), Encoding.UTF8.GetBytes(config));
        SafetensorsWriter.Write(_folder.File("adapter_model.safetensors"), tensors);
        return _folder.Path;
    }

    private string Refusal(string config, IEnumerable<SafetensorsTensor> tensors) =>
        Assert.Throws<InvalidDataException>(() => PeftFolder.Updates(Write(config, tensors))).Message;

    private static float[] Product(List<SafetensorsTensor> tensors, string map, float scale)
    {
        var a = tensors.Single(tensor => tensor.Name.Contains($"{map}.lora_A", StringComparison.Ordinal));
        var b = tensors.Single(tensor => tensor.Name.Contains($"{map}.lora_B", StringComparison.Ordinal));
        var (left, right) = (b.ToFloats(), a.ToFloats());
        var (rows, rank, columns) = (b.Shape[0], b.Shape[1], a.Shape[1]);
        return [.. Enumerable.Range(0, rows * columns).Select(i =>
            scale * Enumerable.Range(0, rank).Sum(k => left[i / columns * rank + k] * right[k * columns + i % columns]))];
    }

    private static void AssertClose(float[] expected, float[] actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance * scale);
    }
}
