extern alias MlNetInternals;

using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Runtime;
using MlNetInternals::Microsoft.ML;
using LoadableClassAttribute = MlNetInternals::Microsoft.ML.LoadableClassAttribute;

[assembly: LoadableClass(
    typeof(MokaEmbeddingTransformer), typeof(MokaEmbeddingLoader), null, typeof(SignatureLoadModel), "Moka embedding", EmbeddingOutputs.Loader)]

namespace Microsoft.ML.Moka.Models;

/// <summary>What ML.NET calls to make an embedding from its zip, also in a process that has not used Moka before.</summary>
internal static class MokaEmbeddingLoader
{
#pragma warning disable IDE0051 // ML.NET finds the method by its name and parameters.
    private static MokaEmbeddingTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelLoader.Load<EmbeddingOutputs, MokaEmbeddingTransformer>(
            env, ctx, (parts, backbone, adapters) => new MokaEmbeddingTransformer(env, parts, backbone, adapters));
#pragma warning restore IDE0051
}
