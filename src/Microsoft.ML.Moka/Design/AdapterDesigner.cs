using System.Text;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Design;

namespace Microsoft.ML.Moka;

/// <summary>
/// Designs adapters for a backbone from its config alone: shows what options mean there, and finds options for a number of parameters or a rank. No weights
/// are needed.
/// </summary>
/// <example><code>
/// var designer = AdapterDesigner.ForBackbone("Llama-2-7b-hf");
/// Console.WriteLine(designer.Describe(new MokaAdapter()));
/// var design = designer.ForBudget(new CdkaAdapter { TargetModules = ["q_proj", "v_proj"] }, 4_000_000);
/// var options = new MokaTrainer.Options { BackbonePath = "Llama-2-7b-hf", Adapter = design.Options };
/// </code></example>
public sealed class AdapterDesigner
{
    private readonly LlamaConfig _config;

    private AdapterDesigner(string backbone, LlamaConfig config) => (Backbone, _config) = (backbone, config);

    /// <summary>What the tables call the backbone: a path, or "config".</summary>
    public string Backbone { get; }

    /// <summary>Parameters of the backbone, embedding included.</summary>
    public long BackboneParameterCount => _config.ParameterCount;

    /// <summary>A designer for the backbone in a folder.</summary>
    /// <param name="path">
    /// A folder with a <c>config.json</c>, or such a file itself, in Hugging Face form, a GGUF file, or the name of a model in Hugging Face's cache; null for
    /// the backbone inside this package.
    /// </param>
    /// <returns>The designer.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The config is no LLaMA's, or not valid; the message names the field.</exception>
    public static AdapterDesigner ForBackbone(string? path = null)
    {
        if (path is not null && File.Exists(path) && !GgufFiles.IsGguf(path))
            return new AdapterDesigner(path, LlamaConfigFile.Parse(File.ReadAllBytes(path), path));
        var source = BackboneSource.Open(path);
        return new AdapterDesigner(path ?? source.Name, LlamaConfigFile.Read(source.Files));
    }

    /// <summary>A designer for the backbone that a config describes.</summary>
    /// <param name="json">The text of a <c>config.json</c> in Hugging Face form.</param>
    /// <returns>The designer.</returns>
    /// <exception cref="InvalidDataException">The config is no LLaMA's, or not valid; the message names the field.</exception>
    public static AdapterDesigner ForConfig(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return new AdapterDesigner("config", LlamaConfigFile.Parse(Encoding.UTF8.GetBytes(json), "config"));
    }

    /// <summary>What options mean on the backbone.</summary>
    /// <param name="options">Any adapter's.</param>
    /// <returns>The design.</returns>
    /// <exception cref="ArgumentException">The options do not fit the backbone; the message names what fits and is nearest.</exception>
    public AdapterDesign Describe(AdapterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new AdapterDesign(options, Backbone, _config);
    }

    /// <summary>
    /// Options whose trained parameters come near a budget without exceeding it. Of those that use nine tenths of what can be used, the ones that reach the
    /// highest rank are chosen.
    /// </summary>
    /// <param name="options">
    /// The method, the maps and everything else that is kept. Replaced are the sizes: the number of MoKA's filters (whose shapes follow for each map, balanced
    /// and all different), MoKA_s' identities, CDKA's r₁ (2 to 4), r₂ (large) and r (2 to 8) within its paper's advice, shapes and ranks of the others.
    /// </param>
    /// <param name="parameters">The most trained parameters, all maps together; at least 1.</param>
    /// <returns>The design.</returns>
    /// <exception cref="ArgumentException">
    /// The budget is too small, or the maps' sizes do not factor; the message says so and names the nearest choice that works.
    /// </exception>
    public AdapterDesign ForBudget(AdapterOptions options, long parameters)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(parameters, 1);
        return Describe(new DesignSearch(options, _config).ForBudget(parameters));
    }

    /// <summary>The options with the fewest trained parameters whose updates can reach a rank on every map.</summary>
    /// <param name="options">As for <see cref="ForBudget"/>.</param>
    /// <param name="rank">The rank that each map's update can reach, from 1 to the smallest size of the maps.</param>
    /// <returns>The design.</returns>
    /// <exception cref="ArgumentException">No options of the method reach the rank; the message names the highest that some do.</exception>
    public AdapterDesign ForRank(AdapterOptions options, int rank)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(rank, 1);
        return Describe(new DesignSearch(options, _config).ForRank(rank));
    }
}
