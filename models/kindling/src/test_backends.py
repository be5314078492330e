# SPDX-License-Identifier: AGPL-3.0-or-later
"""Both backends must agree: python3 test_backends.py run/tokenizer.json"""
import sys
import torch; torch.set_num_threads(1)
import fastcpu as fc, torchmodel as tm, data, numpy as np
cfg=dict(d=128,ff=192,vocab=3072,layers=2,ctx=512,rope_base=10000.0,eps=1e-5)
a,b=fc.FastModel(cfg,3),tm.FastModel(cfg,3)
ids,mask,cu=next(data.batches(sys.argv[1],5,1500,512,pool=40))
oa,ob=fc.Optimizer(a),tm.Optimizer(b)
for s in range(6):
    tgt=np.roll(ids,-1); m=np.roll(mask,-1); m[cu[1:]-1]=False; m=m>0; idx=np.flatnonzero(m)
    wt=np.full(len(idx),1/len(idx),np.float32); t=torch.from_numpy
    ar=(t(ids),t(cu),t(idx),t(tgt[idx].astype(np.int32)),t(wt))
    la,ga,_=a.step(*ar); lb,gb,_=b.step(*ar)
    print(la,lb,max(((ga[k].float()-gb[k]).norm()/gb[k].norm()).item() for k in ga))
    oa.step(ga,1.0); ob.step(gb,1.0)
