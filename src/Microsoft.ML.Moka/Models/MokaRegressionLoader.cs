extern alias MlNetInternals;

using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Runtime;
using MlNetInternals::Microsoft.ML;
using LoadableClassAttribute = MlNetInternals::Microsoft.ML.LoadableClassAttribute;

[assembly: LoadableClass(
    typeof(MokaRegressionTransformer), typeof(MokaRegressionLoader), null, typeof(SignatureLoadModel), "Moka regression", ValueOutputs.Loader)]

namespace Microsoft.ML.Moka.Models;

/// <summary>What ML.NET calls to make a regression from its zip, also in a process that has not used Moka before.</summary>
internal static class MokaRegressionLoader
{
#pragma warning disable IDE0051 // ML.NET finds the method by its name and parameters.
    private static MokaRegressionTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelLoader.Load<ValueOutputs, MokaRegressionTransformer>(
            env, ctx, (parts, backbone, adapters) => new MokaRegressionTransformer(env, parts, backbone, adapters));
#pragma warning restore IDE0051
}
