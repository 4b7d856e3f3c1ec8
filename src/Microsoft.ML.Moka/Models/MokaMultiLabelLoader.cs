extern alias MlNetInternals;

using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Runtime;
using MlNetInternals::Microsoft.ML;
using LoadableClassAttribute = MlNetInternals::Microsoft.ML.LoadableClassAttribute;

[assembly: LoadableClass(
    typeof(MokaMultiLabelTransformer), typeof(MokaMultiLabelLoader), null, typeof(SignatureLoadModel), "Moka multi-label classification",
    MultiLabelOutputs.Loader)]

namespace Microsoft.ML.Moka.Models;

/// <summary>What ML.NET calls to make a multi-label classifier from its zip, also in a process that has not used Moka before.</summary>
internal static class MokaMultiLabelLoader
{
#pragma warning disable IDE0051 // ML.NET finds the method by its name and parameters.
    private static MokaMultiLabelTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelLoader.Load<MultiLabelOutputs, MokaMultiLabelTransformer>(
            env, ctx, (parts, backbone, adapters) => new MokaMultiLabelTransformer(env, parts, backbone, adapters));
#pragma warning restore IDE0051
}
