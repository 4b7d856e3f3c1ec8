extern alias MlNetInternals;

using System.Security.Cryptography;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Runtime;
using ModelLoadContext = MlNetInternals::Microsoft.ML.ModelLoadContext;
using VersionInfo = MlNetInternals::Microsoft.ML.VersionInfo;

namespace Microsoft.ML.Moka.Models;

/// <summary>
/// A model in ML.NET's zip: <c>moka.json</c> (columns, template, words or options, where the backbone is), the adapter as PEFT's two files, the tokenizer's
/// files and, if it is to be inside, the backbone as <c>config.json</c> and <c>model.safetensors</c>, quantized.
/// </summary>
internal static class ModelFile
{
    private const string BackboneWeights = "model.safetensors";

    // And what small adapters of small backbones have beside their parameters.
    private const long LargestHeader = 1 << 25;

    public static void Save<TOutputs>(ModelSaveContext ctx, ModelParts<TOutputs> parts, TunedBackbone weights)
        where TOutputs : IModelOutputs<TOutputs>
    {
        // All that can fail comes before the first byte.
        var files = new Dictionary<string, byte[]>(parts.Tokenizer.Files, StringComparer.Ordinal);
        IReadOnlyList<SafetensorsTensor>? backbone = null;
        using var checkpoint = parts.SaveBackbone ? parts.Backbone.OpenUnchanged(weights.Shared) : null;
        if (checkpoint is not null)
        {
            files[LlamaConfigFile.Name] = parts.Backbone.Files.ReadAll(LlamaConfigFile.Name);
            backbone = QuantizedBackbone(checkpoint, weights.Shared);
        }
        foreach (var (name, content) in AdapterFolder.Files(parts.Backbone, weights))
            files.Add(name, content);

        ModelStream.Begin(ctx, VersionOf<TOutputs>());
        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, content) in files)
        {
            ModelStream.Write(ctx, name, writer => writer.Write(content));
            hashes.Add(name, Convert.ToHexStringLower(SHA256.HashData(content)));
        }
        if (backbone is not null)
        {
            ModelStream.Write(ctx, BackboneWeights, writer =>
            {
                using var sha = SHA256.Create();
                using (var hashing = new CryptoStream(writer.BaseStream, sha, CryptoStreamMode.Write, leaveOpen: true))
                    SafetensorsWriter.Write(hashing, backbone);
                hashes.Add(BackboneWeights, Convert.ToHexStringLower(sha.Hash!));
            });
        }
        var manifest = ModelManifest<TOutputs>.Write(parts, weights.Shared, hashes);
        ModelStream.Write(ctx, ModelManifest.Name, writer => writer.Write(manifest));
    }

    /// <exception cref="InvalidDataException">The zip is damaged or was edited; the message names the entry and what is wrong there.</exception>
    /// <exception cref="InvalidOperationException">The backbone that the model refers to was not found, or it has changed.</exception>
    public static (ModelParts<TOutputs> Parts, SharedBackbone Backbone, AdapterSet Adapters) Load<TOutputs>(IHostEnvironment env, ModelLoadContext ctx)
        where TOutputs : IModelOutputs<TOutputs>
    {
        ModelStream.Begin(ctx, VersionOf<TOutputs>());
        var entries = new ModelEntries(ctx, MlNetAccess.TemporaryFolderOf(env));
        var json = entries.ReadAll(ModelManifest.Name);
        var manifest = ModelManifest<TOutputs>.Read(json, ModelManifest.Name);
        entries.Expect(manifest.Hashes);
        var tokenizer = BackboneTokenizer.Load(entries);
        var source = manifest.Backbone switch
        {
            BackboneKind.Folder => BackboneLocator.Find(new BackboneReference(manifest.BackbonePath, manifest.Fingerprint), MokaTransformer.BackboneResolver),
            BackboneKind.Embedded => BackboneSource.Embedded(),
            _ => new BackboneSource(entries, BackboneKind.Included),
        };
        var config = LlamaConfigFile.Read(source.Files);
        // A parameter takes 4 bytes. Adapters have fewer than the backbone, and where they change all of it, as many.
        entries.Limit(BackboneWeights, sizeof(float) * config.ParameterCount + LargestHeader);
        entries.Limit(StoredAdapter.WeightsName, 2 * sizeof(float) * config.ParameterCount + LargestHeader);
        using var adapter = StoredAdapter.Open(entries, config.LinearMaps, config.Shape);
        var outputs = manifest.Outputs;
        if (adapter.Options.Head is { } head && !outputs.IgnoresHead)
            ScoreHeads.RequireSame(
                outputs.HeadOutputs is { } count ? head with { Outputs = count, IsMultiLabel = outputs.IsMultiLabel } : null, head, "The model");
        else if (outputs.NeedsHead)
            ScoreHeads.RequireSame(new ScoreHeadRule(MokaHead.LastToken, outputs.HeadOutputs!.Value, config.HiddenSize), null, "The model");
        using var channel = env.Start("Loading");
        var backbone = SharedBackbone.Open(source.Files, manifest.Quantization, DeviceSelection.Choose(env, channel), manifest.Precision);
        DeviceSelection.ReportPrecision(channel, manifest.Precision, backbone.Backbone.Backend);
        AdapterSet? adapters = null;
        try
        {
            if (manifest.Backbone == BackboneKind.Embedded && backbone.Fingerprint != manifest.Fingerprint)
                throw new InvalidOperationException(
                    $"The model was tuned on the backbone inside another version of this package ({manifest.Fingerprint}; " +
                    $"this one has {backbone.Fingerprint}): use that version, or tune it again.");
            adapters = adapter.Load(backbone.Backbone.Backend);
            entries.CheckHashes();
            ModelManifest.CheckOwnHash(json);
            return (manifest.ToParts(source, tokenizer), backbone, adapters);
        }
        catch
        {
            adapters?.Dispose();
            backbone.Dispose();
            throw;
        }
    }

    private static VersionInfo VersionOf<TOutputs>()
        where TOutputs : IModelOutputs<TOutputs> => new(
        modelSignature: TOutputs.ModelSignature,
        verWrittenCur: 0x00010001,
        verReadableCur: 0x00010001,
        verWeCanReadBack: 0x00010001,
        loaderAssemblyName: typeof(ModelFile).Assembly.FullName!,
        loaderSignature: TOutputs.LoaderSignature);

    private static List<SafetensorsTensor> QuantizedBackbone(Checkpoint checkpoint, SharedBackbone backbone)
    {
        var config = backbone.Backbone.Config;
        return [.. BackboneTensors.From(config, new CheckpointWeights(checkpoint, config, new(backbone.Quantization)))];
    }
}
