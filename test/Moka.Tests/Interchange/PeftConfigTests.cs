using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>Configurations that PEFT wrote, with tensors made for the tests' backbone.</summary>
[Trait("Category", "Material")]
public sealed class PeftConfigTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Files =>
        Material.Root is null
            ? ["absent"]
            : [.. Directory.GetFiles(Path.Combine(Material.Root, "configs"), "peft_*.json").Select(path => Path.GetFileName(path))];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Files))]
    public void AreReadWhicheverFieldIsLeftOut(string file)
    {
        var config = PeftFolder.Config(File.ReadAllText(Material.Require($"configs/{file}")));
        var tensors = Tensors(config);
        var expected = PeftFolder.Updates(PeftFolder.Write(_folder.Path, config, tensors));
        Assert.NotEmpty(expected);

        foreach (var field in config.Select(field => field.Key).ToList())
        {
            var without = (JsonObject)config.DeepClone();
            without.Remove(field);
            var updates = PeftFolder.Updates(PeftFolder.Write(_folder.Path, without, tensors));
            Assert.Equal(expected.Keys, updates.Keys);
            // What scales the update has a default of PEFT's instead; LoRA's rank follows from the tensors.
            if (field is not ("lora_alpha" or "alpha") && (field != "r" || (string?)config["peft_type"] == "LORA"))
                Assert.Equal(expected, updates);
        }
    }

    private static List<SafetensorsTensor> Tensors(JsonObject config) => (string?)config["peft_type"] switch
    {
        "LORA" => [.. PeftFolder.Lora((int)config["r"]!, "q_proj", "o_proj"), .. (bool)config["use_dora"]! ? PeftFolder.Magnitudes("q_proj", "o_proj") : []],
        "LOKR" => PeftFolder.Lokr((int)config["decompose_factor"]!, "q_proj", "v_proj"),
        var other => throw new NotSupportedException(other),
    };
}
