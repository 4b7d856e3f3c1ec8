extern alias MlNetInternals;

using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Runtime;
using ModelLoadContext = MlNetInternals::Microsoft.ML.ModelLoadContext;

namespace Microsoft.ML.Moka.Models;

/// <summary>What the loaders do that ML.NET calls, one for each kind of model.</summary>
internal static class ModelLoader
{
    public static TModel Load<TOutputs, TModel>(
        IHostEnvironment env, ModelLoadContext ctx, Func<ModelParts<TOutputs>, SharedBackbone, AdapterSet, TModel> make)
        where TOutputs : IModelOutputs<TOutputs>
    {
        try
        {
            var (parts, backbone, adapters) = ModelFile.Load<TOutputs>(env, ctx);
            return make(parts, backbone, adapters);
        }
        catch (Exception e)
        {
            // ML.NET calls by reflection: exceptions that its environment has seen come out as its own loaders' do.
            env.Process(e);
            LoadFailure.Announce(e);
            throw;
        }
    }
}
