extern alias MlNetInternals;

using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Runtime;
using MlNetInternals::Microsoft.ML;
using LoadableClassAttribute = MlNetInternals::Microsoft.ML.LoadableClassAttribute;

[assembly: LoadableClass(
    typeof(MokaTransformer), typeof(MokaTransformerLoader), null, typeof(SignatureLoadModel), "Moka", ScoreOutputs.Loader)]

namespace Microsoft.ML.Moka.Models;

/// <summary>What ML.NET calls to make a model from its zip, also in a process that has not used Moka before.</summary>
internal static class MokaTransformerLoader
{
#pragma warning disable IDE0051 // ML.NET finds the method by its name and parameters.
    private static MokaTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelLoader.Load<ScoreOutputs, MokaTransformer>(env, ctx, (parts, backbone, adapters) => new MokaTransformer(env, parts, backbone, adapters));
#pragma warning restore IDE0051
}
