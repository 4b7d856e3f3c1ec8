using System.Text.Json;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Backbones;

/// <summary>Cases of public bug reports in which one checkpoint has several configs: each gives the logits that are right for it.</summary>
[Trait("Category", "Material")]
public sealed class ConfigCaseTests
{
    private const string Expected = "logits_of_last_two_positions";

    public static TheoryData<string, string> Cases =>
    [
        .. from name in Material.Folders("cases")
           let folder = Material.Require($"cases/{name}")
           where File.Exists(Path.Combine(folder, "expected.json")) && File.Exists(Path.Combine(folder, "model.safetensors"))
           from config in Directory.GetFiles(folder, "config*.json")
           select (name, Path.GetFileName(config)),
    ];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Each_config_has_its_own_logits(string name, string config)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Material.Require($"cases/{name}/expected.json")));
        Assert.SkipUnless(json.RootElement.TryGetProperty(Expected, out var all), "The case expects no logits.");
        var rows = (all.ValueKind == JsonValueKind.Array ? all : all.GetProperty(config["config.".Length..^".json".Length])).EnumerateArray();
        float[] expected = [.. rows.SelectMany(row => row.EnumerateArray().Select(value => value.GetSingle()))];
        int[] ids = [.. json.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        // What is quantized already is taken as it is, whatever is asked for.
        var quantization = File.ReadAllText(Material.Require($"cases/{name}/{config}")).Contains("quantization_config", StringComparison.Ordinal)
            ? BackboneQuantization.NF4
            : BackboneQuantization.None;
        using var backend = new CpuBackend(threads: 2);
        using var backbone = LlamaBackbone.Load(backend, new WithConfig(Material.Require($"cases/{name}"), config), new(quantization));

        var actual = TinyLlama.Logits(backbone, RaggedBatch.Of(ids), rows: [ids.Length - 2, ids.Length - 1]);

        Assert.Equal(expected.Length, actual.Length);
        Assert.Equal(0, expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max(), 1e-4);
    }
}
